"""Codes made sound piece by piece sound as those decoded at once: no join can be told from what is beside it."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from audiocraft.models.encodec import CompressionModel
from support import hub_cache

from orchestrator_solver.decoding.sound import in_pieces
from orchestrator_solver.models.loading import load_codec

FRAMES = 400


@pytest.fixture(scope="module")
def nano() -> CompressionModel:
    return load_codec("//pretrained/nano-codec", "cpu")


def codes_of(codec: CompressionModel, frames: int = FRAMES) -> torch.Tensor:
    """Codes of a held chord `[1, K, T]`: in steady sound a join is heard soonest."""
    rate = codec.sample_rate
    time = torch.arange(round(frames / codec.frame_rate * rate)) / rate
    wav = sum(0.1 * torch.sin(2 * torch.pi * hertz * time) for hertz in (220.0, 277.2, 329.6))
    with torch.no_grad():
        return codec.encode(torch.as_tensor(wav)[None, None])[0][..., :frames]


def blocks(codes: torch.Tensor, sizes: int) -> Iterator[torch.Tensor]:
    yield from codes.split(sizes, dim=-1)


def whole(codec: CompressionModel, codes: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return codec.decode(codes, None)


@pytest.mark.parametrize("sizes", [1, 7, 90, FRAMES])
def test_pieces_are_the_whole(nano: CompressionModel, sizes: int) -> None:
    """However the codes come: to the last bit of rounding."""
    codes = codes_of(nano)
    pieces = list(in_pieces(nano, blocks(codes, sizes)))
    assert len(pieces) > 5
    torch.testing.assert_close(torch.cat(pieces, dim=-1), whole(nano, codes), rtol=0, atol=1e-5)


def test_what_is_too_short_for_a_piece_is_sound_too(nano: CompressionModel) -> None:
    codes = codes_of(nano, 9)
    torch.testing.assert_close(next(in_pieces(nano, blocks(codes, 4))), whole(nano, codes), rtol=0, atol=1e-5)
    assert list(in_pieces(nano, iter(()))) == []


def test_encodecs_pieces_are_nearly_the_whole(filled_hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its LSTM remembers all that was before; what a second of it does not tell is 60 dB below the sound."""
    hub_cache.use(filled_hub, monkeypatch)
    codec = load_codec("//pretrained/facebook/musicgen-melody", "cpu")
    codes = torch.randint(0, codec.cardinality, (1, 4, 350), generator=torch.Generator().manual_seed(0))
    found, wanted = torch.cat(list(in_pieces(codec, blocks(codes, 50))), dim=-1), whole(codec, codes)
    assert found.shape == wanted.shape
    assert (found - wanted).square().mean() < 1e-6 * wanted.square().mean()


def test_joins_cannot_be_told_from_the_rest(nano: CompressionModel) -> None:
    """Level, spectrum and clicks across joins lie within those elsewhere; pieces that are cut hard fail this."""
    codes = codes_of(nano, 1000)
    pieces = list(in_pieces(nano, blocks(codes, 10)))
    joins = np.cumsum([piece.shape[-1] for piece in pieces])[:-1]
    smooth = torch.cat(pieces, dim=-1)[0, 0].numpy()
    hard = torch.cat([whole(nano, block) for block in blocks(codes, 50)], dim=-1)[0, 0].numpy()
    assert set(joins.tolist()) == set(range(32_000, len(smooth), 32_000)), "the same places in both"
    for measure in (_level_step, _spectrum_step, _click):
        assert measure(smooth, joins) < 3, f"{measure.__name__} tells joins from other places"
    assert max(measure(hard, joins) for measure in (_level_step, _spectrum_step, _click)) > 3, "or this hears nothing"


def _against_elsewhere(found: np.ndarray, elsewhere: np.ndarray) -> float:
    """How many standard deviations of the places elsewhere the mean at joins lies above theirs."""
    return float((found.mean() - elsewhere.mean()) / (elsewhere.std() + 1e-9))


def _places(wav: np.ndarray, joins: np.ndarray) -> np.ndarray:
    return np.setdiff1d(np.arange(4000, len(wav) - 4000, 1777), joins)


def _level_step(wav: np.ndarray, joins: np.ndarray, width: int = 800) -> float:
    def steps(places: np.ndarray) -> np.ndarray:
        sides = ((wav[place - width : place], wav[place : place + width]) for place in places)
        return np.array([abs(np.log(np.std(before) / np.std(after))) for before, after in sides])

    return _against_elsewhere(steps(joins), steps(_places(wav, joins)))


def _spectrum_step(wav: np.ndarray, joins: np.ndarray, width: int = 1024) -> float:
    def steps(places: np.ndarray) -> np.ndarray:
        return np.array([
            np.abs(np.log1p(100 * np.abs(np.fft.rfft(wav[place - width // 2 : place + width // 2] * np.hanning(width))))
                   - np.log1p(100 * np.abs(np.fft.rfft(wav[place - width : place] * np.hanning(width))))).mean()
            for place in places
        ])  # fmt: skip

    return _against_elsewhere(steps(joins), steps(_places(wav, joins)))


def _click(wav: np.ndarray, joins: np.ndarray) -> float:
    """The second difference, which a jump makes large."""
    bends = np.abs(np.diff(wav, n=2))

    def largest(places: np.ndarray) -> np.ndarray:
        return np.array([bends[place - 3 : place + 3].max() for place in places])

    return _against_elsewhere(largest(joins), largest(_places(wav, joins)))

"""A take can be listened to while it is played: the file is a whole wav at every moment, and the take is as always."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import soundfile

from dataset_builder.errors import UserError
from orchestrator_solver import Orchestrator, cli
from orchestrator_solver.generation.session import Order, Session
from orchestrator_solver.generation.takes.growing_wav import growing_wav

RATE = 16_000


def tone(samples: int) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * 440 * np.arange(samples) / RATE)).astype(np.float32)


def test_it_is_whole_after_every_piece(tmp_path: Path) -> None:
    path, wav, there = tmp_path / "new" / "live.wav", tone(5000), 0
    with growing_wav(path, RATE) as growing:
        for piece in (wav[:0], wav[:1], wav[1:3000], wav[3000:]):
            growing.add(piece)
            there += len(piece)
            heard, rate = soundfile.read(path, dtype="float32")
            assert rate == RATE and heard == pytest.approx(wav[:there], abs=1e-4)
        growing.add(np.array([2.0, -2.0]))
    assert soundfile.read(path)[0][-2:] == pytest.approx([1, -1], abs=1e-4), "what is too loud is cut, not wrapped"


def test_what_was_there_is_replaced_and_what_cannot_be_made_is_told(tmp_path: Path) -> None:
    path = tmp_path / "live.wav"
    path.write_bytes(b"x" * 10_000)
    with growing_wav(path, RATE):
        assert soundfile.info(path).frames == 0
    (tmp_path / "folder").mkdir()
    for place in (tmp_path / "folder", Path("/dev/full")):
        with pytest.raises(UserError, match=f"cannot write {place} .* name another"), growing_wav(place, RATE):
            pass


def test_a_take_is_heard_while_it_is_played(tiny_models: Path, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "tune.wav", tone(4 * RATE), RATE)
    live, lengths = tmp_path / "live.wav", []

    def heard(share: float) -> None:
        lengths.append(soundfile.info(live).frames if live.is_file() else 0)

    @contextmanager
    def bar(label: str) -> Iterator[Callable[[float], None]]:
        yield heard

    def takes(out: str, stream: Path | None) -> np.ndarray:
        player = Orchestrator.from_pretrained(str(tiny_models), device="cpu")
        order = Order("violin", "", stream=stream)
        (take,) = Session(lambda: player, order, tmp_path / out, "wav", print, bar).takes(tmp_path / "tune.wav")
        return soundfile.read(take.path)[0]

    alone = takes("alone", None)
    streamed = takes("streamed", live)
    assert np.array_equal(alone, streamed) and soundfile.read(live)[0] == pytest.approx(streamed, abs=1e-3)
    assert len({length for length in lengths if 0 < length < len(streamed)}) >= 1, "pieces are there before the end"


@pytest.mark.parametrize("more", [("--samples", "2"), ("--candidates", "2"), ("--parts",)])
def test_it_is_of_one_take(tmp_path: Path, capsys: pytest.CaptureFixture[str], more: tuple[str, ...]) -> None:
    soundfile.write(tmp_path / "tune.wav", tone(RATE), RATE)
    words = ["orchestrate", str(tmp_path / "tune.wav"), "--instruments", "violin", "--out", str(tmp_path / "out")]
    assert cli.main([*words, "--stream", str(tmp_path / "live.wav"), *more]) == 2
    assert "--stream is of one take" in capsys.readouterr().err and not (tmp_path / "live.wav").exists()


def test_it_does_not_write_over_the_reference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tune = tmp_path / "tune.wav"
    soundfile.write(tune, tone(RATE), RATE)
    before = tune.read_bytes()
    words = ["orchestrate", str(tune), "--instruments", "violin", "--out", str(tmp_path / "out")]
    assert cli.main([*words, "--stream", str(tmp_path / "." / "tune.wav")]) == 2
    (tmp_path / "link.wav").hardlink_to(tune)
    assert cli.main([*words, "--stream", str(tmp_path / "link.wav")]) == 2
    assert "would be written over" in capsys.readouterr().err and tune.read_bytes() == before

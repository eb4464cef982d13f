"""What is done with takes: the best is found by stated weights, they are mixed, written down, made anew in part."""

import io
from pathlib import Path

import numpy as np
import pretty_midi
import pytest
import torch
from support import hub_cache, paper_networks

from dataset_builder.audio.loudness import integrated_loudness, normalised
from dataset_builder.errors import UserError
from orchestrator_solver import Orchestrator
from orchestrator_solver.generation.recordings import Recording
from orchestrator_solver.generation.request import Request
from orchestrator_solver.generation.sampling import SamplingSettings
from orchestrator_solver.generation.takes.choice import choose, strays
from orchestrator_solver.generation.takes.midi import midi_of
from orchestrator_solver.generation.takes.mixing import LOUDNESS, mixed
from orchestrator_solver.generation.takes.ranking import JUDGES, Ranking, weights_of
from orchestrator_solver.metrics.paper import clap
from orchestrator_solver.metrics.registry import METRICS

RATE = 16_000
MELODY, INSTRUMENTS = "melody (above chance)", "instruments F1"


def tone(seconds: float, hertz: float = 440.0, level: float = 0.2, rate: int = RATE) -> np.ndarray:
    return (level * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)).astype(np.float32)


def scored(**scores: float | None) -> Recording:
    return Recording(tone(0.1), RATE, {"scores": {name.replace("_", " "): value for name, value in scores.items()}})


def take(melody: float | None, instruments: float) -> Recording:
    return Recording(tone(0.1), RATE, {"scores": {MELODY: melody, INSTRUMENTS: instruments}})


@pytest.fixture(scope="module")
def player(tiny_models: Path) -> Orchestrator:
    return Orchestrator.from_pretrained(str(tiny_models), device="cpu")


@pytest.fixture(scope="module")
def request_of_a_tone(player: Orchestrator) -> Request:
    return player.request((tone(4.0, rate=32_000), 32_000), "violin, drums", "")


def test_weights_are_of_scores_that_are_heard() -> None:
    metrics = Ranking().metrics()
    assert set(Ranking().by_heading) <= {metric.label for metric in metrics.values()} and "sim" in metrics
    assert JUDGES["text"] == ("clap", clap.ClapScore.label) and {name for name, _ in JUDGES.values()} <= set(METRICS)


def test_weights_are_written_as_words() -> None:
    assert weights_of("melody=2, text") == {"melody": 2.0, "text": 1.0}
    ranking = Ranking(weights_of("melody=3,instruments"))
    found = choose([take(0.8, 0.1), take(0.3, 0.9)], ranking)
    assert found.best.record["scores"][MELODY] == 0.8 and found.weights == {MELODY: 0.75, INSTRUMENTS: 0.25}


@pytest.mark.parametrize(
    ("text", "line"),
    [("tune=1", "expected melody, instruments, text"), ("", "expected melody"), ("melody,melody=2", "each once"),
     ("melody=loud", "a number above 0"), ("melody=0", "above 0"), ("text=nan", "above 0"), ("text=inf", "above 0")],
)  # fmt: skip
def test_weights_that_are_none(text: str, line: str) -> None:
    with pytest.raises(UserError, match=line):
        weights_of(text)


def test_text_is_heard_by_clap(
    player: Orchestrator, request_of_a_tone: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of few layers with random weights in LAION's format."""
    pytest.importorskip("laion_clap", reason="the extra 'metrics' is not installed")
    hub_cache.use(tmp_path, monkeypatch)
    with monkeypatch.context() as patched:
        paper_networks.few_layers(patched)
        paper_networks.put_tokenizer(tmp_path)
        settings = {"checkpoint": paper_networks.put_clap(tmp_path / "clap.pt"), "any_hash": True}
        clap.shared_clap.cache_clear()
        found = player.choose(request_of_a_tone, 3, 1.0, ranking=Ranking({"text": 1.0}, {"clap": settings}))
    clap.shared_clap.cache_clear()
    heard = [one.record["scores"]["CLAP"] for one in found.takes]
    assert heard == sorted(heard, reverse=True) and len(set(heard)) > 1
    assert found.explained() == "1.00 x CLAP"


def test_the_best_take_is_first_and_the_total_is_explained() -> None:
    found = choose([take(0.1, 0.9), take(0.8, 0.8), take(0.9, 0.0)])
    assert [one.record["total"] for one in found.takes] == [0.8, 0.5, 0.45]
    assert found.best.record["rank"] == 1 and found.best.record["scores"][MELODY] == 0.8
    assert found.explained() == f"0.50 x {MELODY} + 0.50 x {INSTRUMENTS}"


def test_a_score_that_one_take_lacks_counts_for_none() -> None:
    """Else a take whose melody is not defined would be compared by other things than the rest."""
    found = choose([take(0.9, 0.1), take(None, 0.5)])
    assert found.weights == {INSTRUMENTS: 1.0} and found.best.record["scores"][MELODY] is None
    nothing = choose([scored(SIM=None), scored(SIM=None)])
    assert [one.record["total"] for one in nothing.takes] == [0, 0]


def test_a_take_that_leaves_the_tune_is_told() -> None:
    assert "few moments (SIM 0.10)" in str(strays(scored(SIM=0.1)))
    assert strays(scored(SIM=0.5)) is None and strays(scored(SIM=None)) is None


def test_mixes_have_one_loudness() -> None:
    loud, soft = tone(3, 330, 0.9), tone(2, 550, 0.001)
    for wav in (normalised(loud, RATE, LOUDNESS), normalised(soft, RATE, LOUDNESS), mixed([loud, soft], RATE)):
        assert integrated_loudness(wav, RATE) == pytest.approx(LOUDNESS, abs=0.2) and np.abs(wav).max() <= 1
    both = mixed([loud, soft], RATE)
    power = [np.abs(np.fft.rfft(both[: 2 * RATE]))[2 * hertz] for hertz in (330, 550)]
    assert len(both) == len(loud) and power[1] == pytest.approx(power[0], rel=0.2), "neither covers the other"
    assert not normalised(np.zeros(RATE, np.float32), RATE, LOUDNESS).any()
    clicks = np.zeros(RATE, np.float32)
    clicks[::4000] = 0.5
    assert np.abs(normalised(clicks, RATE, 0.0)).max() == pytest.approx(1.0)


def test_a_take_is_written_down_as_midi() -> None:
    wav = np.concatenate([tone(1, 440.0), tone(1, 659.25)])
    score = pretty_midi.PrettyMIDI(io.BytesIO(midi_of(wav, RATE, bpm=90.0)))
    (instrument,) = score.instruments
    loudest = sorted(instrument.notes, key=lambda note: note.start - note.end)[:2]
    assert sorted((note.pitch, round(note.start)) for note in loudest) == [(69, 0), (76, 1)]
    assert score.get_tempo_changes()[1].tolist() == pytest.approx([90.0], rel=1e-4)
    assert pretty_midi.PrettyMIDI(io.BytesIO(midi_of(np.zeros(RATE, np.float32), RATE))).instruments == []


def test_candidates_have_seeds_of_their_own_and_are_ranked(player: Orchestrator, request_of_a_tone: Request) -> None:
    found = player.choose(request_of_a_tone, 3, sampling=SamplingSettings(seed=7))
    assert sorted(one.record["seed"] for one in found.takes) == [7, 8, 9]
    assert [one.record["rank"] for one in found.takes] == [1, 2, 3]
    totals = [one.record["total"] for one in found.takes]
    assert totals == sorted(totals, reverse=True)
    (alone,) = player.play([request_of_a_tone], seeds=[8])
    (same,) = [one for one in found.takes if one.record["seed"] == 8]
    assert np.abs(alone.wav - same.wav).max() < 1e-3


def test_parts_are_takes_of_each_instrument(player: Orchestrator, request_of_a_tone: Request) -> None:
    violin, drums = player.parts(request_of_a_tone, 1.0)
    assert (violin.record["instruments"], drums.record["instruments"]) == (["violin"], ["drums"])
    assert (violin.record["prompt"], drums.record["prompt"]) == ("violin", "drums")


def test_a_stream_is_the_take(player: Orchestrator, request_of_a_tone: Request) -> None:
    pieces = list(player.stream(request_of_a_tone, sampling=SamplingSettings(seed=3)))
    (whole,) = player.play([request_of_a_tone], seeds=[3])
    assert len(pieces) >= 2 and all(piece.dtype == np.float32 for piece in pieces)
    assert np.array_equal(np.concatenate(pieces), whole.wav)


def test_who_stops_listening_lets_others_play(player: Orchestrator, request_of_a_tone: Request) -> None:
    stream = player.stream(request_of_a_tone)
    next(stream)
    stream.close()
    assert player.play([request_of_a_tone], 1.0)


def test_a_stretch_is_made_anew_and_the_rest_is_left(player: Orchestrator, request_of_a_tone: Request) -> None:
    (old,) = player.play([request_of_a_tone], seeds=[0])
    new = player.redo(old, request_of_a_tone, 1.0, 2.0)
    assert np.array_equal(new.wav[:RATE], old.wav[:RATE]) and np.array_equal(new.wav[2 * RATE :], old.wav[2 * RATE :])
    assert not np.allclose(new.wav[RATE : 2 * RATE], old.wav[RATE : 2 * RATE], atol=1e-3)
    assert new.record["redone"] == [{"from": 1.0, "to": 2.0, "seed": 1}] and new.record["scores"].keys() == {
        "SIM",
        "instruments F1",
    }
    again = player.redo(new, request_of_a_tone, 0.0, 0.5, SamplingSettings(seed=5))
    assert [change["seed"] for change in again.record["redone"]] == [1, 5]
    whole = player.redo(old, request_of_a_tone, 0.0, 4.0, SamplingSettings(seed=0))
    assert torch.corrcoef(torch.stack([torch.from_numpy(whole.wav), torch.from_numpy(old.wav)]))[0, 1] > 0.99, (
        "the same seed from the begin draws the same"
    )


@pytest.mark.parametrize(("start", "end"), [(3.0, 5.0), (2.0, 2.1), (2.0, 1.0), (-1.0, 2.0), (float("nan"), 2.0)])
def test_a_stretch_outside_the_take_is_refused(
    player: Orchestrator, request_of_a_tone: Request, start: float, end: float
) -> None:
    whole = Recording(tone(4.0), RATE, {"seed": 0})
    with pytest.raises(UserError, match=r"expected at least 0\.5 s inside the take's 4\.0"):
        player.redo(whole, request_of_a_tone, start, end)
    with pytest.raises(UserError, match="the take has 8000 Hz"):
        player.redo(Recording(tone(4.0, rate=8000), 8000, {"seed": 0}), request_of_a_tone, 1.0, 2.0)

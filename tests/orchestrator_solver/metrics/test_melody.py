"""Melody scores count the reference's notes that a take plays: against another matching, and on known sounds."""

from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from support.played import notes_of, play

from orchestrator_solver.metrics.clips import Clips, Notes
from orchestrator_solver.metrics.registry import build_metrics
from orchestrator_solver.metrics.transcription.melody import TOLERANCE, Melody, MelodyAboveChance, matches

RATE = 22_050
TUNE = (60, 62, 64, 65, 67, 69, 71, 72, 71, 67, 64, 60)
NONE = Notes(np.zeros(0), np.zeros(0), np.zeros(0, dtype=int))


def clips(generated, references, notes=None) -> Clips:
    count = len(generated)
    return Clips(generated, references, references, [["violin"]] * count, [""] * count, RATE, notes)


def scores(batch: Clips) -> np.ndarray:
    """Recall, precision and F1 `[3, B]`."""
    return np.stack([m(batch) for m in build_metrics(["melody_recall", "melody_precision", "melody_f1"]).values()])


@pytest.mark.parametrize("seed", range(20))
def test_matches_are_the_most_that_an_assignment_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)

    def some(count: int) -> Notes:
        onsets = np.round(rng.random(count) * 2, 2)
        return Notes(onsets, onsets + 0.1, rng.integers(48, 84, count))

    ours, theirs = some(int(rng.integers(0, 40))), some(int(rng.integers(1, 60)))
    near = np.abs(np.subtract.outer(ours.onsets, theirs.onsets)).round(6) <= TOLERANCE
    fits = near & (np.subtract.outer(ours.pitches, theirs.pitches) % 12 == 0)
    assert matches(ours, theirs) == fits[linear_sum_assignment(fits, maximize=True)].sum()


@pytest.mark.filterwarnings("error:.*notes")
def test_scores_are_shares_of_wanted_and_played_notes() -> None:
    """By a transcriber who hears what it is told: two of three wanted notes among four; nothing; nothing wanted."""
    heard = Notes(np.array([0.05, 0.2, 1.09, 2.2]), np.full(4, 3.0), np.array([72, 61, 50, 64]))
    wanted = Notes(np.array([0.0, 1.0, 2.0]), np.full(3, 3.0), np.array([60, 62, 64]))

    class Told:
        def notes(self, wavs, sample_rate):
            return [{0: heard, 1: NONE}[int(wav[0])] for wav in wavs]

    batch = clips([np.array([0.0]), np.array([1.0]), np.array([0.0]), np.array([1.0])], [np.array([1.0])] * 4,
                  [wanted, wanted, NONE, None])  # fmt: skip
    expected = {"recall": 2 / 3, "precision": 2 / 4, "F1": 4 / 7}
    for score, share in expected.items():
        found = Melody(score, Told())(batch)
        assert np.allclose(found, [share, 0, np.nan, np.nan], equal_nan=True) and found.dtype == np.float64


def test_a_tune_is_found_an_octave_off_on_other_instruments_and_among_other_voices(tmp_path: Path) -> None:
    tune = notes_of(TUNE)
    reference = play(tune, tmp_path, 40)
    low = play(notes_of([pitch - 12 for pitch in TUNE]), tmp_path, 71)
    arranged = low + play(notes_of([43, 45, 47] * 4, begin=0.5), tmp_path, 0)
    other = play(notes_of([66, 68, 70, 61, 63, 66, 70, 68, 66, 63, 61, 58]), tmp_path, 40)
    late = np.roll(reference, RATE // 4)
    recall, precision, _ = scores(clips([reference, low, arranged, other, late], [reference] * 5, [tune] * 5))
    assert (recall[:3] > 0.8).all() and (recall[3:] < 0.2).all()
    assert precision[2] < precision[0] - 0.2, "the other voices count against precision alone"


def test_chance_is_taken_off() -> None:
    """A take in which every pitch class begins at every moment has all of the tune, and says nothing of it."""
    tune = notes_of(TUNE)
    moments = np.repeat(np.arange(0, 8, 0.05), 12)
    everything = Notes(moments, moments + 0.05, np.tile(np.arange(60, 72), len(moments) // 12))

    class Told:
        def notes(self, wavs, sample_rate):
            return [{0: everything, 1: tune, 2: NONE}[int(wav[0])] for wav in wavs]

    wavs = [np.full(8 * RATE, number) for number in (0.0, 1.0, 2.0)]
    batch = clips(wavs, wavs, [tune] * 3)
    assert np.allclose(Melody("recall", Told())(batch), [1, 1, 0])
    assert np.allclose(MelodyAboveChance(Told())(batch), [0, 1, 0])
    assert np.isnan(MelodyAboveChance(Told())(clips(wavs[:1], wavs[:1], [NONE])))


def test_without_notes_the_reference_is_heard(tmp_path: Path) -> None:
    tune = notes_of(TUNE)
    reference, other = play(tune, tmp_path, 40), play(notes_of((61, 63, 66, 68)), tmp_path, 40)
    assert (scores(clips([reference], [reference])) == 1).all()
    heard = scores(clips([other, reference], [reference, reference], [None, tune]))
    assert (heard[:, 0] < 0.2).all() and (heard[:, 1] > 0.8).all()


@pytest.mark.filterwarnings("error")
def test_silence_and_scraps(tmp_path: Path) -> None:
    tune = play(notes_of(TUNE), tmp_path, 40)
    silence, scrap = np.zeros(3 * RATE, np.float32), np.full(10, 0.1, np.float32)
    found = scores(clips([silence, tune, scrap, tune], [tune, silence, tune, scrap]))
    assert np.allclose(found, [[0, np.nan, 0, np.nan]] * 3, equal_nan=True)
    assert scores(clips([], [])).shape == (3, 0)

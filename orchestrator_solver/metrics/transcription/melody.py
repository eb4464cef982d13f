"""How much of a tune a take plays, note by note: the reference's notes that are among those heard in the take.

Recall is what asks whether the tune is there: an arrangement in which it is one voice has many other notes, which
precision and F1 hold against it. But a take in which many notes are heard, because it is dense or blurred, has some of
the tune's at the right moment by chance. So how much is there of what chance leaves open? Chance is the recall of the
same take, turned in time against the reference.

Notes match one to one by onset and pitch class (`mir_eval.transcription`, Raffel et al. 2014). Pitch class, since the
tune may have moved to an instrument that plays it an octave lower, and because octaves are what transcribers mistake
most. An onset may be 0.1 s off: models follow the tune by chroma whose frames are up to 64 ms apart, a transcriber adds
frames of 12 ms, and a sixteenth at 120 beats a minute, which is not to be taken for its neighbour, lasts 125 ms.
"""

from collections.abc import Callable

import numpy as np

from ..clips import Clips, Notes
from .transcriber import Transcriber, shared_transcriber

TOLERANCE = 0.1  # seconds between onsets
TURNS = 8  # by which chance is measured


def _recall(hits: int, wanted: int, played: int) -> float:
    return hits / wanted


def _precision(hits: int, wanted: int, played: int) -> float:
    return hits / played if played else 0.0


def _f1(hits: int, wanted: int, played: int) -> float:
    return 2 * hits / (wanted + played)


SCORES: dict[str, Callable[[int, int, int], float]] = {"recall": _recall, "precision": _precision, "F1": _f1}


class Melody:
    """Recall, precision or F1 of the reference's notes, clip by clip, as a `ClipMetric`.

    Not defined where the reference has no notes; a take without any scores 0.

    Args:
        score: a name in `SCORES`.
        transcriber: who hears; by default the shipped one.

    Raises:
        UserError: if there is none.
    """

    higher_is_better = True

    def __init__(self, score: str = "recall", transcriber: Transcriber | None = None):
        self.score, self.label = SCORES[score], f"melody {score}"
        self.transcriber = transcriber or shared_transcriber()

    def __call__(self, clips: Clips) -> np.ndarray:
        played = self.transcriber.notes(clips.generated, clips.sample_rate)
        lengths = [len(wav) / clips.sample_rate for wav in clips.generated]
        found = map(self._scored, self._references(clips), played, lengths)
        return np.array(list(found), dtype=np.float64)

    def _references(self, clips: Clips) -> list[Notes]:
        known = clips.reference_notes or [None] * len(clips.references)
        pairs = zip(known, clips.references, strict=True)
        return [self.transcriber.notes([wav], clips.sample_rate)[0] if notes is None else notes for notes, wav in pairs]

    def _scored(self, wanted: Notes, heard: Notes, seconds: float) -> float:
        return self.score(matches(wanted, heard), len(wanted), len(heard)) if len(wanted) else np.nan


class MelodyAboveChance(Melody):
    """Recall of the reference's notes, so that chance has 0 and all of them 1; below chance it is negative."""

    def __init__(self, transcriber: Transcriber | None = None):
        super().__init__("recall", transcriber)
        self.label = "melody (above chance)"

    def _scored(self, wanted: Notes, heard: Notes, seconds: float) -> float:
        recall = super()._scored(wanted, heard, seconds)
        if not len(heard) or np.isnan(recall):
            return recall
        least = 2 * TOLERANCE  # a shorter turn would match still
        turns = least + (np.arange(TURNS) + 0.5) / TURNS * (seconds - 2 * least)
        chance = np.mean([matches(wanted, _turned(heard, turn, seconds)) for turn in turns]) / len(wanted)
        return float((recall - chance) / (1 - chance)) if chance < 1 else 0.0


def _turned(notes: Notes, by: float, seconds: float) -> Notes:
    """Notes some seconds later; those that leave at the end come in at the begin."""
    onsets = (notes.onsets + by) % seconds
    return Notes(onsets, onsets + (notes.offsets - notes.onsets), notes.pitches)


def matches(wanted: Notes, heard: Notes) -> int:
    """How many notes of `wanted` and `heard` can be paired, each once: by pitch class, and onset within `TOLERANCE`."""
    if not len(wanted) or not len(heard):
        return 0
    from mir_eval.transcription import match_notes

    pairs = match_notes(*_folded(wanted), *_folded(heard), onset_tolerance=TOLERANCE, offset_ratio=None)
    return len(pairs)


def _folded(notes: Notes) -> tuple[np.ndarray, np.ndarray]:
    """Intervals `[N, 2]` in seconds, and pitches `[N]` in Hz of one octave, as `mir_eval` takes notes."""
    return np.stack([notes.onsets, notes.offsets], axis=1), 440 * 2.0 ** (np.round(notes.pitches) % 12 / 12)

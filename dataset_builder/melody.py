"""How much melody a stem carries, so that the best references come first."""

from collections.abc import Sequence

import numpy as np
from symusic.core import ScoreTick as Score


def melody_score(score: Score | None, active_share: float) -> float:
    """How well a stem can stand for the tune, 0..1: pitched, mostly active, mostly one note at a time, not in the bass.

    Args:
        score: the stem's MIDI; without it a middling score is given.
        active_share: share of the track in which it sounds.
    """
    if score is None:
        return round(0.3 * active_share, 4)
    notes = _notes(score)
    if not len(notes["pitch"]):
        return 0.0
    register = float(np.clip((np.median(notes["pitch"]) - 40) / 25, 0.1, 1.0))
    return round(active_share * _monophony(notes) * register, 4)


def _notes(score: Score) -> dict[str, np.ndarray]:
    tracks: Sequence = [track.notes.numpy() for track in score.tracks if not track.is_drum and len(track.notes)]
    empty = np.zeros(0, dtype=np.int64)
    return {name: np.concatenate([empty, *(notes[name] for notes in tracks)]) for name in ("time", "duration", "pitch")}


def _monophony(notes: dict[str, np.ndarray]) -> float:
    """Share of the sounding time in which one note sounds alone, at least a tenth: notes' union over their sum."""
    order = np.argsort(notes["time"], kind="stable")
    start, end = notes["time"][order], (notes["time"] + notes["duration"])[order]
    reached = np.maximum.accumulate(end)
    fresh = np.maximum(0, end - np.maximum(start, np.concatenate([[start[0]], reached[:-1]])))
    return float(np.clip(fresh.sum() / max(1, (end - start).sum()), 0.1, 1.0))

"""How much melody a stem carries, so that the best references come first."""

import numpy as np
from symusic.core import ScoreTick as Score

# Without MIDI nothing is known but what plays, and when.
_UNKNOWN, _UNKNOWN_BASS = 0.3, 0.05
_BASSES = frozenset({"acoustic bass", "electric bass", "contrabass", "tuba", "timpani"})
_BASS, _TREBLE = 40, 65  # MIDI pitches between which the register's weight rises
_LEAST = 0.1


def melody_score(score: Score | None, active_share: float, seconds: float, instrument: str | None = None) -> float:
    """How well a pitched stem can stand for the tune, 0..1.

    It should sound most of the time, one note at a time, not in the bass, and move: neither a held pad nor a trill.

    Args:
        score: the stem's MIDI; without it a middling score is given, a low one to basses.
        active_share: share of the track in which it sounds.
        seconds: for which it sounds.
        instrument: class of the vocabulary.
    """
    if score is None:
        return round((_UNKNOWN_BASS if instrument in _BASSES else _UNKNOWN) * active_share, 4)
    notes = _notes(score)
    if not len(notes["pitch"]):
        return 0.0
    register = np.clip((np.median(notes["pitch"]) - _BASS) / (_TREBLE - _BASS), _LEAST, 1.0)
    return round(float(active_share * monophony(notes) * register * _movement(notes, seconds)), 4)


def _notes(score: Score) -> dict[str, np.ndarray]:
    tracks = [track.notes.numpy() for track in score.tracks if not track.is_drum and len(track.notes)]
    empty = np.zeros(0, dtype=np.int64)
    return {name: np.concatenate([empty, *(notes[name] for notes in tracks)]) for name in ("time", "duration", "pitch")}


def monophony(notes: dict[str, np.ndarray]) -> float:
    """How far notes sound one at a time: the time they cover over the sum of their durations, at least a tenth."""
    order = np.argsort(notes["time"], kind="stable")
    start, end = notes["time"][order], (notes["time"] + notes["duration"])[order]
    reached = np.maximum.accumulate(end)
    fresh = np.maximum(0, end - np.maximum(start, np.concatenate([[start[0]], reached[:-1]])))
    return float(np.clip(fresh.sum() / max(1, (end - start).sum()), _LEAST, 1.0))


def _movement(notes: dict[str, np.ndarray], seconds: float) -> float:
    """1 for half a note to eight notes a second (chords count once), less for slower and faster."""
    rate = len(np.unique(notes["time"])) / max(seconds, 1e-3)
    return float(np.clip(min(rate / 0.5, 8.0 / max(rate, 1e-3)), _LEAST, 1.0))

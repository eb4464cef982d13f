"""From posteriors to notes, as the package basic-pitch decodes them (`note_creation.output_to_notes_polyphonic`).

Notes begin at peaks of the onsets' posterior, the last first, and hold while their pitch sounds; what sounds and no
note has claimed becomes notes, too, from the loudest frame to both sides (the package calls this its melodia trick).
What a note claims is taken from its neighbours a semitone away. The package steps frame by frame, this run by run.
"""

from typing import NamedTuple

import numpy as np

ONSET, FRAME = 0.5, 0.3  # least posterior of a note's begin, and of its going on; the package's
LEAST_FRAMES = 11  # 0.13 s: a note lasts longer
_REST = 11  # frames below `FRAME` that end a note


class Span(NamedTuple):
    """A note in frames: from `begin` to before `end`, at a pitch counted from the lowest."""

    begin: int
    end: int
    pitch: int


def decode(onsets: np.ndarray, frames: np.ndarray) -> list[Span]:
    """Notes of a clip's posteriors `[S, P]` each, in the order in which they are found."""
    if len(frames) < 3:
        return []
    frames = np.asarray(frames, dtype=np.float64)
    left = frames.copy()
    found = [_from_onset(left, begin, pitch) for begin, pitch in _beginnings(_with_rises(onsets, frames))[::-1]]
    while (loudest := int(left.argmax())) >= 0 and left.flat[loudest] > FRAME:
        found.append(_from_loudest(left, *divmod(loudest, left.shape[1])))
    return [span for span in found if span is not None]


def _with_rises(onsets: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """Onsets, and sudden rises of the frames, scaled to the greatest onset."""
    before = np.concatenate([np.zeros((2, frames.shape[1])), frames])
    rises = np.maximum(np.minimum(frames - before[1:-1], frames - before[:-2]), 0)
    rises[:2] = 0
    greatest = rises.max()
    return np.maximum(onsets, onsets.max() * rises / greatest) if greatest > 0 else np.asarray(onsets, np.float64)


def _beginnings(onsets: np.ndarray) -> np.ndarray:
    """Frame and pitch of each peak in time `[N, 2]`, by frame."""
    inner = onsets[1:-1]
    found = np.argwhere((inner > onsets[:-2]) & (inner > onsets[2:]) & (inner >= ONSET))
    found[:, 0] += 1
    return found


def _from_onset(left: np.ndarray, begin: int, pitch: int) -> Span | None:
    """The note that begins there, taken out of what is left; None if it is too short."""
    end = begin + 1 + _reach(left[begin + 1 : -1, pitch]).held
    if end - begin <= LEAST_FRAMES:
        return None
    left[begin:end, max(pitch - 1, 0) : pitch + 2] = 0
    return Span(begin, end, pitch)


def _from_loudest(left: np.ndarray, middle: int, pitch: int) -> Span | None:
    """The note around a frame, taken out of what is left however short it is; None if it is too short."""
    after, before = _reach(left[middle + 1 : -1, pitch]), _reach(left[max(middle - 1, 0) : 0 : -1, pitch])
    around = slice(max(pitch - 1, 0), pitch + 2)
    left[middle, pitch] = 0
    left[middle + 1 : middle + 1 + after.passed, around] = 0
    left[middle - before.passed : middle, around] = 0
    span = Span(middle - before.held, middle + after.held, pitch)
    return span if span.end - span.begin > LEAST_FRAMES else None


class _Reach(NamedTuple):
    """Frames for which a pitch holds, and frames that were looked at to know it."""

    held: int
    passed: int


def _reach(levels: np.ndarray) -> _Reach:
    """How far a pitch sounds in `levels` `[T]` before a rest, or to their end."""
    sounding = np.concatenate([[-1], np.flatnonzero(levels >= FRAME)])
    rests = np.flatnonzero(np.diff(sounding) > _REST)
    held = int(sounding[rests[0] if len(rests) else -1]) + 1
    return _Reach(held, min(held + _REST, len(levels)))

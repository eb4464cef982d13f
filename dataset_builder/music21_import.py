"""For how long pitch classes sound in a MIDI file as music21 imports it, from ticks instead of a parsed score.

music21's import (`midi/translate.py`, `Stream.quantize`) ends a note at the first note-off of its pitch, gathers notes
that start and end together into chords, and moves onsets and durations to quarters and thirds of a quarter. Here the
same is done with all notes of a file at once; times on music21's grids are counted in twelfths of a quarter.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np
from symusic.core import ScoreTick as Score

TWELFTHS = 12  # of a quarter: the least common multiple of music21's grids
_TICKS = np.array([[1 / 4], [1 / 3]])  # of a quarter; the finer grid wins a draw


class _Notes(NamedTuple):
    """Notes of a file, in order of part and onset, `[N]` each: which part, ticks, MIDI pitch, whether it is a drum."""

    part: np.ndarray
    start: np.ndarray
    end: np.ndarray
    pitch: np.ndarray
    drum: np.ndarray


class _Chords(NamedTuple):
    """Chords and single notes.

    Attributes:
        first: the earliest note of each `[M]`.
        last: the last note of each, whose length is the chord's `[M]`.
        note: every note as a member `[K]`; music21 puts some notes into two chords, so K may exceed N.
        chord: the index into `first` that the member belongs to `[K]`.
    """

    first: np.ndarray
    last: np.ndarray
    note: np.ndarray
    chord: np.ndarray


def is_one_part(path: Path) -> bool:
    """Whether a file is of MIDI's format 0, which music21 reads as one part, whatever its channels."""
    with path.open("rb") as file:
        return file.read(10)[8:] == bytes(2)


def pitch_class_durations(score: Score, one_part: bool = False) -> np.ndarray:
    """Quarters for which each pitch class sounds `[12]`, over all notes that have pitch.

    Args:
        score: the MIDI file.
        one_part: whether it is of format 0, which keeps all channels in one track.
    """
    notes = _notes(score, one_part)
    if notes is None:
        return np.zeros(12)
    chords = _chords(notes, score.ticks_per_quarter)
    twelfths = _durations(notes, chords, score.ticks_per_quarter)
    # A chord with a drum in it is all percussion to music21, so what else is in it has no pitch.
    struck = np.zeros(len(chords.first), dtype=bool)
    struck[chords.chord[notes.drum[chords.note]]] = True
    pitched = ~struck[chords.chord]
    classes, weights = notes.pitch[chords.note[pitched]] % 12, twelfths[chords.chord[pitched]]
    return np.bincount(classes, weights=weights, minlength=12) / TWELFTHS


def _notes(score: Score, one_part: bool) -> _Notes | None:
    """All notes; None if there are none."""
    tracks = [(track.notes.numpy(), track.is_drum) for track in score.tracks if len(track.notes)]
    if not tracks:
        return None
    counts = [len(notes["time"]) for notes, _ in tracks]
    part = np.repeat(np.arange(len(tracks)), counts)
    drum = np.repeat([is_drum for _, is_drum in tracks], counts)
    start, length, pitch = (
        np.concatenate([notes[name] for notes, _ in tracks]).astype(np.int64) for name in ("time", "duration", "pitch")
    )
    end = _first_ends(part * 128 + pitch, start, start + length)
    if one_part:
        part = np.zeros_like(part)
    order = np.argsort(part * (int(start.max()) + 1) + start, kind="stable")
    return _Notes(*(column[order] for column in (part, start, end, pitch, drum)))


def _first_ends(key: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Where each note ends `[N]`: at the first end of its `key` (part and pitch) after its onset."""
    span = int(end.max()) + 1
    starts, ends = np.sort(key * span + start), np.sort(key * span + end)
    if (ends[:-1] <= starts[1:]).all():  # no note sounds beyond the next one of its key
        return end
    first = ends[np.searchsorted(ends, key * span + start, side="right") % len(ends)] - key * span
    return np.where(end > start, first, start)


def _chords(notes: _Notes, quarter: int) -> _Chords:
    """Notes gathered as music21 does: the first one takes those that start and end within a 16th of it."""
    heads, others = _gathered(*_pairs(notes, quarter / 4))
    alone = np.ones(len(notes.start), dtype=bool)
    alone[others] = False
    first = np.flatnonzero(alone)
    last = np.arange(len(alone))
    last[heads] = others  # pairs are in order of distance: the farthest stays
    chord = np.cumsum(alone) - 1
    return _Chords(
        first, last[first], np.concatenate([first, others]), np.concatenate([np.arange(len(first)), chord[heads]])
    )


def _pairs(notes: _Notes, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """Notes `[P]` and later ones `[P]` that start and end within `tolerance` ticks of them, nearest in order first."""
    apart = int(notes.start.max()) + int(tolerance) + 2
    onset = notes.part * apart + notes.start
    first, pairs = np.arange(len(onset)), []
    distance = 1
    while len(first):
        first = first[: np.searchsorted(first, len(onset) - distance)]
        first = first[onset[first + distance] - onset[first] < tolerance]
        close = first[np.abs(notes.end[first + distance] - notes.end[first]) <= tolerance]
        pairs.append((close, close + distance))
        distance += 1
    return np.concatenate([pair[0] for pair in pairs]), np.concatenate([pair[1] for pair in pairs])


def _gathered(first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pairs whose first note heads a chord: one that no head before it has gathered."""
    heads, others = [first[:0]], [second[:0]]
    size = int(second.max(initial=0)) + 1
    while len(first):
        taken, doubtful = np.zeros(size, dtype=bool), np.zeros(size, dtype=bool)
        doubtful[second] = True
        is_head = ~doubtful[first]
        heads.append(first[is_head])
        others.append(second[is_head])
        taken[others[-1]] = True
        remaining = ~is_head & ~taken[first]
        first, second = first[remaining], second[remaining]
    return np.concatenate(heads), np.concatenate(others)


def _durations(notes: _Notes, chords: _Chords, quarter: int) -> np.ndarray:
    """Each chord's length on music21's grids, in twelfths of a quarter `[M]`."""
    part, onset = notes.part[chords.first], _nearest(notes.start[chords.first] / quarter)
    ends = np.append(np.flatnonzero((np.diff(onset) != 0) | (np.diff(part) != 0)) + 1, len(onset))
    following = np.minimum(np.repeat(ends, np.diff(ends, prepend=0)), len(onset) - 1)
    gap = np.where(part[following] == part, onset[following] - onset, 0)  # none after the last of a part
    ticks = notes.end[chords.last] - notes.start[chords.last]
    return np.where(ticks > 0, _nearest(ticks / quarter, gap / TWELFTHS), 0)  # music21 makes a grace note of no length


def _nearest(quarters: np.ndarray, gap: np.ndarray | None = None) -> np.ndarray:
    """Times on the better of the grids, as music21's `Stream.quantize` chooses, in twelfths of a quarter `[M]`.

    Args:
        quarters: times `[M]`.
        gap: for durations, the quarters until the next onset `[M]`: a grid on which it lies is better than one on which
            a gap would remain, and the shortest duration is one step instead of nothing.
    """
    steps = np.floor(quarters / _TICKS)
    steps += quarters > _TICKS * steps + _TICKS / 2
    if gap is not None:
        np.maximum(steps, 1, out=steps)
    match = _TICKS * steps
    error = np.round(np.abs(quarters - match), 7)
    thirds_win = error[1] < error[0]
    if gap is not None:
        remaining = np.where(np.mod(gap, _TICKS) == 0, 0.0, np.maximum(gap - match, 0.0))
        thirds_win = (remaining[1] < remaining[0]) | ((remaining[1] == remaining[0]) & thirds_win)
    return np.where(thirds_win, TWELFTHS // 3 * steps[1], TWELFTHS // 4 * steps[0]).astype(np.int64)

"""For how long pitch classes sound in a MIDI file as music21 imports it, from its events instead of a parsed score.

music21's import (`midi/translate.py`, `Stream.quantize`) ends a note at the first note-off of its pitch, gathers notes
that start and end together into chords, and moves onsets and durations to quarters and thirds of a quarter. Here the
same is done with all notes of a file at once; times on music21's grids are counted in twelfths of a quarter.
"""

from typing import NamedTuple

import numpy as np

from .midi_events import MidiEvents

TWELFTHS = 12  # of a quarter: the least common multiple of music21's grids
_TICKS = np.array([[1 / 4], [1 / 3]])  # of a quarter; the finer grid wins a draw
_DRUMS = 9  # the channel
_MOST_LOOKS = 1 << 24  # at pairs of notes, of 16 bytes each if they fit; the files of Slakh2100 take a million at most


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


def pitch_class_durations(events: MidiEvents) -> np.ndarray:
    """Quarters for which each pitch class sounds `[12]`, over all notes that have pitch.

    Raises:
        ValueError: if so many notes begin together that to compare all would take all memory.
    """
    notes = _notes(events)
    if not len(notes.start):
        return np.zeros(12)
    chords = _chords(notes, events.quarter)
    marks = events.is_mark
    twelfths = _durations(notes, chords, events.track[marks], events.tick[marks], events.quarter)
    # A chord with a drum in it is all percussion to music21, so what else is in it has no pitch.
    struck = np.zeros(len(chords.first), dtype=bool)
    struck[chords.chord[notes.drum[chords.note]]] = True
    pitched = ~struck[chords.chord]
    classes, weights = notes.pitch[chords.note[pitched]] % 12, twelfths[chords.chord[pitched]]
    return np.bincount(classes, weights=weights, minlength=12) / TWELFTHS


def _notes(events: MidiEvents) -> _Notes:
    """Each note-on with the first note-off of its pitch and channel after it, which other notes may share."""
    size, channel = len(events.status), events.status & 0xF
    key = ((events.track << 4 | channel) << 7 | events.first) * size
    on, off = np.flatnonzero(events.is_on), np.flatnonzero(events.is_off)
    wanted, offered = key[on] + on, np.sort(key[off] + off)
    found = np.append(offered, -1)[np.searchsorted(offered, wanted)]
    ended = found // max(1, size) == wanted // max(1, size)
    on, end = on[ended], events.tick[found[ended] % max(1, size)]
    return _Notes(events.track[on], events.tick[on], end, events.first[on], channel[on] == _DRUMS)


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
    looks = 0
    apart = int(notes.start.max()) + int(tolerance) + 2
    onset = notes.part * apart + notes.start
    first, pairs = np.arange(len(onset)), []
    distance = 1
    while len(first):
        if (looks := looks + len(first)) > _MOST_LOOKS:
            raise ValueError(f"too many of its {len(onset)} notes begin within a 16th: up to {distance} in one part")
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


def _durations(
    notes: _Notes, chords: _Chords, mark_part: np.ndarray, mark_tick: np.ndarray, quarter: int
) -> np.ndarray:
    """Each chord's length on music21's grids, in twelfths of a quarter `[M]`.

    Args:
        notes: the notes.
        chords: what is made of them.
        mark_part: part of what else stands between the notes `[K]`; it is looked at for what follows a note.
        mark_tick: its time `[K]`.
        quarter: ticks a quarter.
    """
    count = len(chords.first)
    part = np.concatenate([notes.part[chords.first], mark_part])
    onset = _nearest(np.concatenate([notes.start[chords.first], mark_tick]) / quarter)
    stride = int(onset.max()) + 1
    places = part * stride + onset
    part, place, places = part[:count], places[:count], np.sort(places)
    following = np.append(places, places[-1])[np.searchsorted(places, place, side="right")]
    gap = np.where(following // stride == part, following - place, 0)  # none after the last of a part
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

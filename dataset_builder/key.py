"""A track's key as music21's `analyze('key')` names it, from ticks instead of a parsed score.

music21's default is Aarden-Essen: the correlation of pitch-class durations with 24 rotated profiles. Its MIDI import
first gathers notes that start and end together into chords, and moves onsets and durations to quarters and thirds of a
quarter. The same is done here on arrays, and one matrix product gives the same label a hundred and more times sooner.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from symusic.core import ScoreTick as Score

# Aarden's profiles (2003), from the Essen folk songs, as music21 prints them.
MAJOR = (17.7661, 0.145624, 14.9265, 0.160186, 19.8049, 11.3587, 0.291248, 22.062, 0.145624, 8.15494, 0.232998, 4.95122)
MINOR = (18.2648, 0.737619, 14.0499, 16.8599, 0.702494, 14.4362, 0.702494, 18.6161, 4.56621, 1.93186, 7.37619, 1.75623)
MAJOR_NAMES = ("C", "C#", "D", "E-", "E", "F", "F#", "G", "A-", "A", "B-", "B")
MINOR_NAMES = ("C", "C#", "D", "E-", "E", "F", "F#", "G", "G#", "A", "B-", "B")
NAMES = tuple(f"{name} major" for name in MAJOR_NAMES) + tuple(f"{name} minor" for name in MINOR_NAMES)
_GRIDS = (1 / 4, 1 / 3)  # music21's, of a quarter; the finer one wins a draw


def _profiles() -> np.ndarray:
    """The 24 profiles, centred and of length 1 `[24, 12]`."""
    rows = np.array([np.roll(profile, tonic) for profile in (MAJOR, MINOR) for tonic in range(12)])
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


_PROFILES = _profiles()


def _nearest(quarters: np.ndarray, least: bool = False, gap: np.ndarray | None = None) -> np.ndarray:
    """Times on the better of the grids, as music21's `Stream.quantize` chooses.

    Args:
        quarters: times `[N]`.
        least: whether the shortest is one step instead of nothing (durations).
        gap: time until the next onset `[N]`: a grid on which it lies is better than one on which a gap would remain.
    """
    matches, ranks = [], []
    for tick in _GRIDS:
        steps = np.floor(quarters / tick)
        match = np.where(quarters <= tick * steps + tick / 2, tick * steps, tick * (steps + 1))
        if least:
            match = np.where(match == 0, tick, match)
        error = np.round(np.abs(quarters - match), 7)
        remaining = np.zeros(len(quarters))
        if gap is not None:
            remaining = np.where(np.mod(gap, tick) == 0, 0.0, np.maximum(gap - match, 0.0))
        matches.append(match)
        ranks.append((remaining, error))
    (gap_4, error_4), (gap_3, error_3) = ranks
    thirds_win = (gap_3 < gap_4) | ((gap_3 == gap_4) & (error_3 < error_4))
    return np.where(thirds_win, matches[1], matches[0])


def _chords(start: np.ndarray, end: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Notes as members of chords `[M]`: which note, and the first and the last note of its chord.

    Notes are in order of onset. music21 gathers some into two chords: M may exceed their number.
    """
    crowded = np.flatnonzero(np.diff(start, append=np.inf) < tolerance).tolist()
    starts, ends = start.tolist(), end.tolist()
    gathered = np.zeros(len(starts), dtype=bool)
    members: list[tuple[int, int, int]] = []
    for i in crowded:
        if gathered[i]:
            continue
        chord = [i]
        for j in range(i + 1, len(starts)):
            if starts[j] - starts[i] >= tolerance:
                break
            if abs(ends[j] - ends[i]) <= tolerance:
                chord.append(j)
        gathered[chord] = True
        members += [(j, i, chord[-1]) for j in chord]
    alone = np.flatnonzero(~gathered)
    in_chords = np.array(members, dtype=np.int64).reshape(-1, 3)
    note, first, last = (np.concatenate([alone, column]) for column in in_chords.T)
    return note, first, last


def _first_ends(notes: dict[str, np.ndarray]) -> np.ndarray:
    """Where each note ends: at the first end of its pitch after its onset, as music21 pairs the events `[N]`."""
    start, end, pitch = notes["time"], notes["time"] + notes["duration"], notes["pitch"].astype(np.int64)
    span = int(end.max()) + 1
    ends = np.sort(pitch * span + end)
    following = np.searchsorted(ends, pitch * span + start, side="right")
    return np.maximum(ends[np.minimum(following, len(ends) - 1)] - pitch * span, start)


class _Part(NamedTuple):
    """Notes of a music21 part in order of onset `[N]` each: ticks, MIDI pitch, whether it is a drum."""

    start: np.ndarray
    end: np.ndarray
    pitch: np.ndarray
    drum: np.ndarray


def _parts(score: Score, one_part: bool) -> list[_Part]:
    """The tracks as music21 sees them: a file of MIDI's format 0 is one part, whatever its channels."""
    found = []
    for track in score.tracks:
        if len(track.notes):
            notes = track.notes.numpy()
            drum = np.full(len(track.notes), track.is_drum)
            found.append(_Part(notes["time"], _first_ends(notes), notes["pitch"], drum))
    if one_part and found:
        merged = [np.concatenate(columns) for columns in zip(*found, strict=True)]
        order = np.argsort(merged[0], kind="stable")
        found = [_Part(*(column[order] for column in merged))]
    return found


def _durations(part: _Part, quarter: int) -> tuple[np.ndarray, np.ndarray]:
    """Pitches and the quarters for which they sound after music21's import `[M]`, `[M]`."""
    note, first, last = _chords(part.start, part.end, quarter / 4)
    onset = _nearest(part.start[first] / quarter)
    onsets = np.unique(onset)
    following = np.searchsorted(onsets, onset, side="right")
    gap = np.append(onsets, onsets[-1])[following] - onset
    length = np.maximum(part.end[last] - part.start[last], 0) / quarter
    fitted = _nearest(length, least=True, gap=np.round(gap * 12) / 12)
    # A chord with a drum in it is all percussion to music21, so what else is in it has no pitch.
    struck = np.bincount(first, weights=part.drum[note], minlength=len(part.start))[first] > 0
    quarters = np.where(following < len(onsets), fitted, _nearest(length, least=True))
    return part.pitch[note][~struck], quarters[~struck]


def pitch_class_durations(score: Score, one_part: bool = False) -> np.ndarray:
    """Quarters for which each pitch class sounds `[12]`, over all notes that have pitch.

    Args:
        score: the MIDI file.
        one_part: whether it is of format 0, which keeps all channels in one track.
    """
    histogram = np.zeros(12)
    for part in _parts(score, one_part):
        pitch, quarters = _durations(part, score.ticks_per_quarter)
        np.add.at(histogram, pitch % 12, quarters)
    return histogram


def _is_one_part(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(10)[8:] == bytes(2)


def key_from_durations(histogram: np.ndarray) -> str | None:
    """The key of pitch-class durations `[12]`, such as `F# minor`; None if nothing has pitch."""
    if histogram.sum() <= 0:
        return None
    return NAMES[int(np.argmax(_PROFILES @ (histogram - histogram.mean())))]


def fast_key(path: Path, score: Score) -> str | None:
    """The key of a MIDI file that is already read."""
    return key_from_durations(pitch_class_durations(score, _is_one_part(path)))


def music21_key(path: Path, score: Score) -> str | None:
    """The key by music21 itself; slow."""
    import music21

    if pitch_class_durations(score).sum() <= 0:
        return None
    name = str(music21.converter.parse(path).analyze("key").name)
    return name[0].upper() + name[1:]


KEY_BACKENDS: dict[str, Callable[[Path, Score], str | None]] = {"fast": fast_key, "music21": music21_key}

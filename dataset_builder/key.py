"""A track's key as music21's `analyze('key')` names it, from ticks instead of a parsed score.

music21's default is Aarden-Essen: the correlation of pitch-class durations with 24 rotated profiles. Its MIDI import
first gathers notes that start and end together into chords, and moves onsets and durations to quarters and thirds of a
quarter. The same is done here on arrays, and one matrix product gives the same label a hundred and more times sooner.
"""

from collections.abc import Callable
from pathlib import Path

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


def _chords(start: np.ndarray, end: np.ndarray, tolerance: float) -> tuple[np.ndarray, np.ndarray]:
    """For each note, in order of onset, the first and the last note of the chord it is gathered into `[N]`, `[N]`."""
    first = np.arange(len(start))
    last = first.copy()
    crowded = np.flatnonzero(np.diff(start) < tolerance).tolist()
    starts, ends = start.tolist(), end.tolist()
    gathered = [False] * len(starts)
    for i in crowded:
        if gathered[i]:
            continue
        members = [i]
        for j in range(i + 1, len(starts)):
            if starts[j] - starts[i] >= tolerance:
                break
            if abs(ends[j] - ends[i]) <= tolerance:  # a note that was gathered before comes again: music21's way
                members.append(j)
                gathered[j] = True
        first[members], last[members] = i, members[-1]
    return first, last


def _durations(notes: dict[str, np.ndarray], quarter: int) -> np.ndarray:
    """Quarters for which each note sounds after music21's import `[N]`."""
    start, end = notes["time"], notes["time"] + notes["duration"]
    first, last = _chords(start, end, quarter / 4)
    onset = _nearest(start[first] / quarter)
    onsets = np.unique(onset)
    following = np.searchsorted(onsets, onset, side="right")
    gap = np.append(onsets, onsets[-1])[following] - onset
    length = np.maximum(end[last] - start[last], 0) / quarter
    return np.where(
        following < len(onsets), _nearest(length, least=True, gap=np.round(gap * 12) / 12), _nearest(length, least=True)
    )


def pitch_class_durations(score: Score) -> np.ndarray:
    """Quarters for which each pitch class sounds `[12]`, over all notes that have pitch."""
    histogram = np.zeros(12)
    for track in score.tracks:
        if not track.is_drum and len(track.notes):
            notes = track.notes.numpy()
            np.add.at(histogram, notes["pitch"] % 12, _durations(notes, score.ticks_per_quarter))
    return histogram


def key_from_durations(histogram: np.ndarray) -> str | None:
    """The key of pitch-class durations `[12]`, such as `F# minor`; None if nothing has pitch."""
    if histogram.sum() <= 0:
        return None
    return NAMES[int(np.argmax(_PROFILES @ (histogram - histogram.mean())))]


def fast_key(path: Path, score: Score) -> str | None:
    """The key of a MIDI file that is already read."""
    return key_from_durations(pitch_class_durations(score))


def music21_key(path: Path, score: Score) -> str | None:
    """The key by music21 itself; slow."""
    import music21

    if pitch_class_durations(score).sum() <= 0:
        return None
    name = str(music21.converter.parse(path).analyze("key").name)
    return name[0].upper() + name[1:]


KEY_BACKENDS: dict[str, Callable[[Path, Score], str | None]] = {"fast": fast_key, "music21": music21_key}

"""A track's key as music21's `analyze('key')` names it, from ticks instead of a parsed score.

music21's default is Aarden-Essen: the correlation of pitch-class durations with 24 rotated profiles. Its MIDI import
first moves every onset and end to the nearest quarter or third of a quarter; so do we, then one matrix product gives
the same label a thousand times sooner.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from symusic.core import ScoreTick as Score

# Aarden's profiles (2003), from the Essen folk songs, as music21 prints them.
MAJOR = (17.7661, 0.145624, 14.9265, 0.160186, 19.8049, 11.3587, 0.291248, 22.062, 0.145624, 8.15494, 0.232998, 4.95122)
MINOR = (18.2648, 0.737619, 14.0499, 16.8599, 0.702494, 14.4362, 0.702494, 18.6161, 4.56621, 1.93186, 7.37619, 1.75623)
MAJOR_NAMES = ("C", "C#", "D", "E-", "E", "F", "F#", "G", "A-", "A", "B-", "B")
MINOR_NAMES = ("C", "C#", "D", "E-", "E", "F", "F#", "G", "G#", "A", "B-", "B")


def _quantised(ticks: np.ndarray, quarter: int) -> np.ndarray:
    """Times in quarters, each on the nearer of the grids of quarters and thirds of a quarter."""
    time = ticks / quarter
    fourths, thirds = np.round(time * 4) / 4, np.round(time * 3) / 3
    return np.where(np.abs(time - thirds) < np.abs(time - fourths), thirds, fourths)


def pitch_class_durations(scores: Sequence[Score]) -> np.ndarray:
    """Quarters for which each pitch class sounds `[12]`, over all notes that have pitch."""
    histogram = np.zeros(12)
    for score in scores:
        for track in score.tracks:
            if track.is_drum or not len(track.notes):
                continue
            notes = track.notes.numpy()
            start = _quantised(notes["time"], score.ticks_per_quarter)
            end = _quantised(notes["time"] + notes["duration"], score.ticks_per_quarter)
            length = np.where(end > start, end - start, 0.25)
            np.add.at(histogram, notes["pitch"] % 12, length)
    return histogram


def key_from_durations(histogram: np.ndarray) -> str | None:
    """The key of pitch-class durations `[12]`, such as `F# minor`; None if nothing has pitch."""
    if histogram.sum() <= 0:
        return None
    best, name = -np.inf, None
    for profile, names, mode in ((MAJOR, MAJOR_NAMES, "major"), (MINOR, MINOR_NAMES, "minor")):
        for tonic in range(12):
            score = np.corrcoef(histogram, np.roll(profile, tonic))[0, 1]
            if score > best:
                best, name = score, f"{names[tonic]} {mode}"
    return name


def fast_key(paths: Sequence[Path], scores: Sequence[Score]) -> str | None:
    """The key of MIDI files that are already read."""
    return key_from_durations(pitch_class_durations(scores))


def music21_key(paths: Sequence[Path], scores: Sequence[Score]) -> str | None:
    """The key by music21 itself; slow."""
    import music21

    if pitch_class_durations(scores).sum() <= 0:
        return None
    stream = music21.stream.Score()
    for path in paths:
        stream.insert(0, music21.converter.parse(path))
    return str(stream.analyze("key").name).replace("-flat", "-")


KEY_BACKENDS: dict[str, Callable[[Sequence[Path], Sequence[Score]], str | None]] = {
    "fast": fast_key,
    "music21": music21_key,
}

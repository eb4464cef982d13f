"""A track's key as music21's `analyze('key')` names it, from ticks instead of a parsed score.

music21's default is Aarden-Essen: the correlation of pitch-class durations (`pitch_class_durations.py`) with 24 rotated
profiles. One matrix product gives the same label, hundreds of times sooner (`python -m dataset_builder bench key`).
"""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import UserError
from .midi import read_midi
from .midi_events import read_events
from .pitch_class_durations import pitch_class_durations

# Aarden's profiles (2003), from the Essen folk songs, as music21 prints them.
MAJOR = (17.7661, 0.145624, 14.9265, 0.160186, 19.8049, 11.3587, 0.291248, 22.062, 0.145624, 8.15494, 0.232998, 4.95122)
MINOR = (18.2648, 0.737619, 14.0499, 16.8599, 0.702494, 14.4362, 0.702494, 18.6161, 4.56621, 1.93186, 7.37619, 1.75623)
MAJOR_NAMES = ("C", "C#", "D", "E-", "E", "F", "F#", "G", "A-", "A", "B-", "B")
MINOR_NAMES = ("C", "C#", "D", "E-", "E", "F", "F#", "G", "G#", "A", "B-", "B")
NAMES = tuple(f"{name} major" for name in MAJOR_NAMES) + tuple(f"{name} minor" for name in MINOR_NAMES)
_MOST_QUARTERS = 10_000  # for music21, which makes objects of every measure; over an hour at any usual tempo
RAISED_BY_MUSIC21 = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)  # for odd files
_WRITTEN = re.compile(r"([a-g])(?:[ -]?(#|♯|b|♭|flat|sharp)|(-))?(?:\s+(major|minor))?", re.IGNORECASE)
_TIE = 1e-9  # correlations nearer than this are told apart as music21 does, by the rounding of its sums


def _profiles() -> np.ndarray:
    """The 24 profiles, centred and of length 1 `[24, 12]`."""
    rows = np.array([np.roll(profile, tonic) for profile in (MAJOR, MINOR) for tonic in range(12)])
    rows -= rows.mean(axis=1, keepdims=True)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


_PROFILES = _profiles()


def key_from_durations(histogram: np.ndarray) -> str | None:
    """The key of pitch-class durations `[12]`, such as `F# minor`; None if nothing has pitch."""
    if histogram.sum() <= 0:
        return None
    centred = histogram - histogram.mean()
    products = _PROFILES @ centred
    nearest = np.flatnonzero(products >= products.max() - _TIE * np.linalg.norm(centred))
    if len(nearest) == 1:
        return NAMES[nearest[0]]
    return NAMES[max(nearest.tolist(), key=lambda index: (_correlation(index, histogram.tolist()), index % 12, index))]


def _correlation(index: int, histogram: list[float]) -> float:
    """The correlation of durations with profile `index`, summed in music21's order; 0 if they are all the same."""
    profile, tonic = (MAJOR, MINOR)[index // 12], index % 12
    mean, level = sum(profile) / 12, sum(histogram) / 12
    top = right = left = 0.0
    for pitch_class, quarters in enumerate(histogram):
        weight = profile[(pitch_class - tonic) % 12]
        top += (weight - mean) * (quarters - level)
        right += (weight - mean) ** 2
        left += (quarters - level) ** 2
    return 0.0 if left == 0 else float(top / ((right * left) ** 0.5))


def fast_key(path: Path) -> str | None:
    """The key of a MIDI file.

    Raises:
        UserError: if it cannot be read.
    """
    return key_from_durations(_durations_of(path))


def _durations_of(path: Path) -> np.ndarray:
    """Quarters for which each pitch class sounds in a file `[12]`."""
    try:
        return pitch_class_durations(read_events(path))
    except ValueError as error:
        raise UserError(f"{path} cannot be read as MIDI ({error})") from error


def music21_key(path: Path) -> str | None:
    """The key by music21 itself; slow.

    Raises:
        UserError: if the file cannot be read, or lasts for days.
    """
    import music21

    score = read_midi(path)
    if (quarters := score.end() / score.ticks_per_quarter) > _MOST_QUARTERS:
        raise UserError(f"{path} lasts {quarters:.0f} quarters, expected at most {_MOST_QUARTERS}: music21 is slow")
    if _durations_of(path).sum() <= 0:
        return None
    try:
        name = str(music21.converter.parse(path, forceSource=True).analyze("key").name)  # its cache may be stale
    except (music21.exceptions21.Music21Exception, *RAISED_BY_MUSIC21) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} cannot be read as MIDI by music21 ({type(error).__name__}: {reason})") from error
    return name[0].upper() + name[1:]


KEY_BACKENDS: dict[str, Callable[[Path], str | None]] = {"fast": fast_key, "music21": music21_key}


def key_named(text: str) -> str:
    """One of `NAMES` that somebody writes: `G minor`, `Bb major`, `F sharp minor`, `E-flat`.

    Raises:
        UserError: for what is no key.
    """
    found = _WRITTEN.fullmatch(text.strip())
    if not found:
        raise UserError(f"{text!a:.40} is no key: expected such as 'G minor', 'Bb major' or 'F# minor'")
    letter, sign, mode = found[1].upper(), (found[2] or found[3] or "").lower(), (found[4] or "major").lower()
    raised = 0 if not sign else 1 if sign in ("#", "♯", "sharp") else -1
    tonic = (dict(zip("CDEFGAB", (0, 2, 4, 5, 7, 9, 11), strict=True))[letter] + raised) % 12
    return NAMES[tonic + (12 if mode == "minor" else 0)]


def spoken_key(key: str) -> str:
    """music21's `E- major` and `F# minor` as people write them: `E-flat major`, `F-sharp minor`."""
    tonic, _, mode = key.partition(" ")
    return f"{tonic[:1]}{'-flat' if '-' in tonic else '-sharp' if '#' in tonic else ''} {mode}"

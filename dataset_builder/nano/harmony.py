"""The harmony of a score, beat by beat, and chords voiced from it.

Accompaniment is made only of pitch classes that sound in the score during the beat, so that added stems cannot clash
with the written ones.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .score import Beat, Score

# Intervals above the root, and how readily each chord is believed.
CHORDS = {(0, 4, 7): 0.06, (0, 3, 7): 0.05, (0, 4, 7, 10): 0.0, (0, 3, 7, 10): -0.02, (0, 3, 6): 0.0, (0, 5, 7): -0.08}
# Krumhansl and Kessler's probe-tone profiles, major and minor.
MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)


@dataclass(frozen=True)
class Chord:
    """What sounds during one beat.

    Attributes:
        beat: the beat it belongs to.
        root: pitch class of the chord's root.
        pitch_classes: those of the chord that sound, root first.
        bass: the lowest sounding pitch, MIDI.
        attacks: how many notes start on the beat.
    """

    beat: Beat
    root: int
    pitch_classes: tuple[int, ...]
    bass: int
    attacks: int


def chords(score: Score) -> list[Chord]:
    """Return the chord of every beat in which anything sounds."""
    notes = sorted((note for line in score.lines for note in line.notes), key=lambda note: note.start)
    starts = np.array([note.start for note in notes])
    ends = np.array([note.end for note in notes])
    pitches = np.array([note.pitch for note in notes])
    found = []
    for beat in score.beats():
        end = beat.start + beat.length
        shared = np.minimum(ends, end) - np.maximum(starts, beat.start)
        sounding = shared > 1e-3
        if not sounding.any():
            continue
        weights = np.bincount(pitches[sounding] % 12, weights=shared[sounding], minlength=12)
        opening = sounding & (starts <= beat.start + 0.5 * beat.length)
        bass = int(pitches[opening if opening.any() else sounding].min())
        root, classes = _fit(weights / weights.sum(), bass % 12)
        attacks = int(np.sum(np.abs(starts - beat.start) < 1e-3))
        found.append(Chord(beat, root, classes, bass, attacks))
    return found


def _fit(weights: np.ndarray, bass: int) -> tuple[int, tuple[int, ...]]:
    """Return the chord that explains the pitch classes' weights [12] best: root, sounding members."""
    best = max(
        (
            (
                sum(weights[(root + step) % 12] for step in steps)
                + 0.15 * weights[root]
                + 0.08 * (root == bass)
                + trust
                - 0.04 * sum(weights[(root + step) % 12] < 0.04 for step in steps),
                root,
                steps,
            )
            for root in range(12)
            for steps, trust in CHORDS.items()
            if weights[root] > 0.04
        ),
        default=(0.0, bass, (0,)),
    )
    _, root, steps = best
    members = tuple((root + step) % 12 for step in steps if weights[(root + step) % 12] > 0.04)
    return root, members


def voice(pitch_classes: Sequence[int], low: int, high: int, size: int, near: float) -> list[int]:
    """Return up to `size` neighbouring pitches of the chord within [low, high], centred as near `near` as can be."""
    ladder = [pitch for pitch in range(low, high + 1) if pitch % 12 in pitch_classes]
    size = min(size, len(ladder))
    windows = [ladder[start : start + size] for start in range(len(ladder) - size + 1)]
    return min(windows, key=lambda pitches: abs(float(np.mean(pitches)) - near), default=[])


def tonic(score: Score) -> int:
    """Return the pitch class of the key's tonic, by correlation with the probe-tone profiles."""
    weights = np.zeros(12)
    for line in score.lines:
        for note in line.notes:
            weights[note.pitch % 12] += note.length
    scores = {
        root: max(float(np.corrcoef(np.roll(weights, -root), profile)[0, 1]) for profile in (MAJOR, MINOR))
        for root in range(12)
    }
    return max(scores, key=lambda root: scores[root])

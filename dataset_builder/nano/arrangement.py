"""Arranges a score for an ensemble of Slakh's instruments.

The melody and the inner voices keep their notes, moved by octaves where an instrument needs it; bass, guitar, pads,
timpani and drums are derived from the harmony and the metre. Variants of a work move it to another key, tempo and
ensemble.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..seeds import rng_for
from . import accompaniment, harmony
from .drums import drum_part
from .instrumentation import INSTRUMENTS, Role, cast
from .score import Line, Note, Score, excerpt
from .works import Work, load

GUITARS = ("acoustic guitar", "clean electric guitar", "distorted electric guitar")
BASSES = ("acoustic bass", "electric bass", "contrabass")
PLUCKED = ("orchestral harp", "acoustic piano", "electric piano")
TRACKS_PER_VARIANT = 1000
PHRASE = 4  # bars: velocities rise and fall over these


@dataclass(frozen=True)
class Stem:
    """One instrument's part, in quarters from the start of the track."""

    instrument: str
    program: int
    is_drum: bool
    role: str
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Arrangement:
    """A track to be written and rendered.

    `score` is the excerpt played, in the track's key and tempo; `seconds` the limit it was cut to.
    """

    track: str
    variant: int
    seconds: float
    ensemble: str
    transposition: int
    score: Score
    stems: tuple[Stem, ...]


def track_name(work: Work, variant: int) -> str:
    """Return the track's folder name: variant 0 of work 7 is Track00007, variant 2 is Track02007."""
    return f"Track{variant * TRACKS_PER_VARIANT + work.number:05d}"


def work_of(track: str) -> Work:
    """Return the work a track of the corpus plays, given its folder's name."""
    return load()[int(track.removeprefix("Track")) % TRACKS_PER_VARIANT - 1]


def arrange(score: Score, variant: int, seconds: float) -> Arrangement:
    """Arrange a work's opening.

    Args:
        variant: 0 keeps the work's own key and tempo; others draw theirs by the work's and the variant's names.
        seconds: the longest the music may be; it ends with the last whole bar before.
    """
    rng = rng_for("nano-variant", score.work.id, variant)
    shift = int(rng.choice([-5, -4, -3, -2, -1, 1, 2, 3, 4, 5])) if variant else 0
    bpm = float(round(score.bpm * (float(rng.uniform(0.84, 1.19)) if variant else 1.0)))
    played = _starting_at_zero(excerpt(score, _first_note(score) + seconds * bpm / 60))
    played = replace(played, lines=_moved(played.lines, pitch=shift), bpm=bpm)
    ensemble, roles = cast(score.work, variant, [line.kind for line in played.lines])
    chords = harmony.chords(played)
    stems = [stem for role in roles if (stem := _stem(role, played, chords, ensemble)).notes]
    return Arrangement(track_name(score.work, variant), variant, seconds, ensemble, shift, played, tuple(stems))


def _first_note(score: Score) -> float:
    return min(line.notes[0].start for line in score.lines if line.notes)  # a short cut may leave a line without any


def _starting_at_zero(score: Score) -> Score:
    """Drop empty bars at the start, so that a track begins with its music."""
    first = _first_note(score)
    bars = [bar for bar in score.bars if bar.end > first + 1e-6]
    origin = bars[0].start
    return replace(
        score,
        lines=_moved(score.lines, start=-origin),
        bars=tuple(replace(bar, start=bar.start - origin, origin=bar.origin - origin) for bar in bars),
    )


def _moved(lines: Sequence[Line], start: float = 0.0, pitch: int = 0) -> tuple[Line, ...]:
    return tuple(
        Line(line.kind, tuple(replace(note, start=note.start + start, pitch=note.pitch + pitch) for note in line.notes))
        for line in lines
    )


def _stem(role: Role, score: Score, chords: Sequence[harmony.Chord], ensemble: str) -> Stem:
    if role.kind == "drums":
        return Stem("drums", role.program, True, role.kind, drum_part(score, chords, ensemble))
    instrument = INSTRUMENTS[role.instrument]
    low, high = instrument.low, instrument.high
    if role.line is not None:
        notes = in_range(score.lines[role.line].notes, low, high)
        notes = [replace(note, velocity=88 if role.line == 0 else 76) for note in notes]
        if role.instrument in BASSES:
            notes = accompaniment.filled(notes, accompaniment.bass_part(chords, low, high))
    elif role.kind == "double":
        octave_up = [replace(note, pitch=note.pitch + 12, velocity=72) for note in score.lines[0].notes]
        notes = in_range(octave_up, low, high)
    elif role.kind == "timpani":
        notes = accompaniment.timpani_part(chords, low, high, harmony.tonic(score))
    elif role.kind == "bass":
        notes = accompaniment.bass_part(chords, low, high)
    elif role.instrument == "distorted electric guitar":
        notes = accompaniment.powered(chords, low, high)
    elif role.instrument in GUITARS:
        # Flowing music is strummed; where little moves, the guitar keeps it moving.
        busy = len(score.lines[0].notes) / max(score.length, 1.0) > 1.0
        notes = (accompaniment.strummed if busy else accompaniment.broken)(chords, 45, 72)
    elif role.instrument in PLUCKED:
        notes = accompaniment.broken(chords, 55, 79)
    else:
        notes = accompaniment.sustained(chords, 52, 76, 3)
    return Stem(role.instrument, role.program, False, role.kind, tuple(_phrased(notes, score)))


def in_range(notes: Sequence[Note], low: int, high: int) -> list[Note]:
    """Move a line by the fewest octaves that bring most of it into range, then fold what is still outside."""

    def outside(octaves: int) -> tuple[int, int]:
        return sum(not low <= note.pitch + 12 * octaves <= high for note in notes), abs(octaves)

    octaves = min(range(-4, 5), key=outside)
    return [replace(note, pitch=accompaniment.fold(note.pitch + 12 * octaves, low, high)) for note in notes]


def _phrased(notes: Sequence[Note], score: Score) -> list[Note]:
    """Shape velocities by metre and phrase, and part repeated notes from each other."""
    accents = {round(beat.start, 4): (0, 2, 5, 9)[beat.weight] for beat in score.beats()}
    phrase = PHRASE * score.bars[-1].length
    shaped = []
    for note in accompaniment.without_overlaps(notes):
        arch = 7 * math.sin(math.pi * ((note.start % phrase) / phrase))
        velocity = note.velocity + accents.get(round(note.start, 4), -3) + arch
        length = note.length - min(0.06, 0.1 * note.length)
        shaped.append(replace(note, length=length, velocity=int(min(118, max(40, round(velocity))))))
    return shaped

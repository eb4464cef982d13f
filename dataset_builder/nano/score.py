"""Reads a score of music21's corpus into plain notes, bars and a tempo.

Times are in quarter notes from the start of the score. Repeats are not expanded and grace notes are left out.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..seeds import rng_for
from .works import Work

MAX_LINES = 5
LONGEST_READ = 260.0  # quarters: what 80 s at 195 a minute hold; more of a long movement is never needed
# The pace that suits a style: distinct note onsets a second, which set the tempo of scores without a usable mark, and
# the fastest tempo in quarters a minute.
PACES = {
    "chorale": (2.4, 104.0),
    "madrigal": (3.2, 160.0),
    "baroque": (2.6, 120.0),
    "classical": (4.6, 168.0),
    "romantic": (4.2, 168.0),
    "piano": (4.4, 144.0),
    "song": (3.4, 132.0),
    "slow": (1.8, 80.0),
}
SLOWEST = 50.0  # quarters a minute


@dataclass(frozen=True)
class Note:
    """A sounding note: start and length in quarters, MIDI pitch and velocity."""

    start: float
    length: float
    pitch: int
    velocity: int = 80

    @property
    def end(self) -> float:
        return self.start + self.length


@dataclass(frozen=True)
class Line:
    """One strand of the texture. kind: "line" (single notes), "poly" (chords) or "bass" (the lowest strand)."""

    kind: str
    notes: tuple[Note, ...]


@dataclass(frozen=True)
class Bar:
    """A bar as written. `origin` is where its first beat falls, before `start` if it is a pick-up."""

    start: float
    length: float
    numerator: int
    denominator: int
    origin: float

    @property
    def end(self) -> float:
        return self.start + self.length


@dataclass(frozen=True)
class Beat:
    """A felt beat: weight 3 opens a bar, 2 is strong, 1 weak; `parts` is 3 in compound metres, else 2."""

    start: float
    length: float
    weight: int
    parts: int
    bar: int


@dataclass(frozen=True)
class Score:
    """A work's lines from melody to bass, its bars and its tempo in quarters a minute."""

    work: Work
    lines: tuple[Line, ...]
    bars: tuple[Bar, ...]
    bpm: float

    @property
    def length(self) -> float:
        """Length in quarters."""
        return self.bars[-1].end

    def beats(self) -> list[Beat]:
        """Return the felt beats of all bars."""
        return [beat for index, bar in enumerate(self.bars) for beat in _beats_of(bar, index)]


def read(work: Work) -> Score:
    """Read a work from the installed music21 package.

    Takes 0.1 to 4 seconds. music21's caches are not used, so nothing is written to the user's home.
    """
    from music21 import converter, corpus
    from music21.instrument import Instrument
    from music21.musicxml.xmlObjects import MusicXMLWarning

    path = Path(corpus.__file__).parent / work.path
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MusicXMLWarning)  # bars of cadenzas hold more than their metre says
        parsed: Any = converter.parseFile(path, forceSource=True, storePickle=False)
    if any(instrument.transposition for instrument in parsed.recurse().getElementsByClass(Instrument)):
        parsed = parsed.toSoundingPitch()
    parts = [notes for part in parsed.parts if (notes := _notes_of(part))]
    bars = _bars_of(parsed.parts[0])
    lines = _lines_of(parts)
    return Score(work, lines, bars, _tempo_of(work, parsed, lines))


def excerpt(score: Score, quarters: float) -> Score:
    """Return the score's opening of at most `quarters`, ending with a whole bar (one bar at least)."""
    bars = tuple(bar for bar in score.bars if bar.end <= quarters + 1e-6) or score.bars[:1]
    end = bars[-1].end
    lines = tuple(
        Line(
            line.kind,
            tuple(
                replace(note, length=min(note.length, end - note.start))
                for note in line.notes
                if note.start < end - 1e-6
            ),
        )
        for line in score.lines
    )
    return replace(score, lines=lines, bars=bars)


def _notes_of(part: Any) -> list[Note]:
    from music21.harmony import Harmony
    from music21.stream import Part

    head = Part()
    for measure in part.getElementsByClass("Measure"):
        if measure.offset < LONGEST_READ:
            head.insert(measure.offset, measure)
    source = head if len(head) else part
    notes = {
        (round(float(element.offset), 6), pitch.midi): round(float(element.quarterLength), 6)
        for element in source.flatten().stripTies().notes
        if element.quarterLength > 0 and not isinstance(element, Harmony)
        for pitch in element.pitches
    }
    return [Note(start, length, pitch) for (start, pitch), length in sorted(notes.items())]


def _bars_of(part: Any) -> tuple[Bar, ...]:
    measures = [m for m in part.getElementsByClass("Measure") if m.offset < LONGEST_READ and m.highestTime > 0]
    bars: list[Bar] = []
    numerator, denominator = 4, 4
    for measure, following in zip(measures, [*measures[1:], None], strict=True):
        if measure.timeSignature is not None:
            numerator, denominator = measure.timeSignature.numerator, measure.timeSignature.denominator
        start = float(measure.offset)
        length = float(following.offset if following is not None else measure.offset + measure.highestTime) - start
        if length <= 0:
            continue
        full = numerator * 4 / denominator
        pickup = not bars and length < full - 1e-6
        bars.append(Bar(start, length, numerator, denominator, start + length - full if pickup else start))
    return tuple(bars)


def _beats_of(bar: Bar, index: int) -> list[Beat]:
    compound = bar.denominator >= 8 and bar.numerator % 3 == 0 and bar.numerator > 3
    length = 12 / bar.denominator if compound else 4 / bar.denominator
    if bar.denominator >= 8 and not compound:
        length = bar.numerator * 4 / bar.denominator  # 3/8 is felt in one
    count = max(1, round(bar.numerator * 4 / bar.denominator / length))
    beats = []
    for position in range(max(count, int(np.ceil((bar.end - bar.origin) / length - 1e-6)))):
        start = bar.origin + position * length
        if bar.start - 1e-6 <= start < bar.end - 1e-6:
            weight = 3 if position == 0 else 2 if count % 2 == 0 and position == count // 2 and count > 2 else 1
            parts = 3 if compound or (bar.denominator >= 8 and bar.numerator == 3) else 2
            beats.append(Beat(start, min(length, bar.end - start), weight, parts, index))
    return beats


def _lines_of(parts: Sequence[list[Note]]) -> tuple[Line, ...]:
    """Split chordal parts into strands, drop doublings, and order the rest from melody to bass."""
    melody, *rest = _strands(parts[0], low=False)
    last = len(parts) - 1
    strands = [*rest, *(strand for i, part in enumerate(parts) if i for strand in _strands(part, low=i == last))]
    kept: list[Line] = []
    for strand in strands:
        if len(strand.notes) >= 8 and not any(_doubles(strand, other) for other in [melody, *kept]):
            kept.append(strand)
    kept.sort(key=lambda line: -_height(line))
    singles = [line for line in kept if line.kind == "line"]
    if not singles:
        return (melody, *kept[: MAX_LINES - 1])
    bass = Line("bass", singles[-1].notes)
    inner = [line for line in kept if line is not singles[-1]]
    busiest = sorted(inner, key=lambda line: -len(line.notes))[: MAX_LINES - 2]
    return (melody, *(line for line in inner if line in busiest), bass)


def _strands(notes: list[Note], low: bool) -> list[Line]:
    """Split a part into its outer voice (the lowest if `low`) and the chords beside it, if it has many chords."""
    onsets = {note.start for note in notes}
    if len(notes) < 1.15 * len(onsets):
        return [Line("line", tuple(notes))]
    outer: dict[float, Note] = {}
    for note in notes:
        held = outer.get(note.start)
        if held is None or (note.pitch < held.pitch if low else note.pitch > held.pitch):
            outer[note.start] = note
    starts = sorted(outer)
    voice = [
        replace(outer[start], length=min(outer[start].length, following - start))
        for start, following in zip(starts, [*starts[1:], np.inf], strict=True)
    ]
    chosen = set(outer.values())
    chords = tuple(note for note in notes if note not in chosen)
    strands = [Line("line", tuple(voice))]
    return [*strands, Line("poly", chords)] if len(chords) >= 8 else strands


def _doubles(line: Line, other: Line) -> bool:
    mine = {(note.start, note.pitch % 12) for note in line.notes}
    return len(mine & {(note.start, note.pitch % 12) for note in other.notes}) > 0.7 * len(mine)


def _height(line: Line) -> float:
    return float(np.average([note.pitch for note in line.notes], weights=[note.length for note in line.notes]))


def _tempo_of(work: Work, parsed: Any, lines: Sequence[Line]) -> float:
    """The score's mark if it makes a plausible pace, else the pace that suits the style."""
    from music21.tempo import MetronomeMark

    onsets = sorted({round(note.start, 3) for line in lines for note in line.notes})
    per_quarter = len(onsets) / max(onsets[-1] - onsets[0], 1.0)
    target, fastest = PACES[work.style]
    for mark in parsed.recurse().getElementsByClass(MetronomeMark):
        marked = mark.getQuarterBPM()
        # 120 "for playback" is what notation programs write when nothing was said.
        if marked and not (mark.numberImplicit or marked == 120) and 0.6 < per_quarter * marked / 60 / target < 1.6:
            return float(np.clip(marked, SLOWEST, fastest))
    spread = float(rng_for("nano-tempo", work.id).uniform(0.94, 1.06))
    return float(round(np.clip(60 * target / per_quarter, SLOWEST, fastest) * spread))

"""MusicXML to MIDI: notes, instruments and tempi as music21 reads them, bars in the order in which they are played."""

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from symusic.core import NoteTick, ScoreTick, TempoTick, TrackTick

from ...errors import UserError
from ..key import RAISED_BY_MUSIC21
from .bounded_xml import read_score
from .play_order import bars_of, play_order

_QUARTER = 960  # ticks: of every tuplet that is common
_VELOCITY = 90  # dynamics decide no pitch, which is all that is followed
_MOST_QUARTERS = 100_000  # of what is played: a day at any usual tempo
_SLOWEST, _FASTEST = 5.0, 1000.0  # quarters a minute; what else is said is no tempo
_DRUM_CHANNEL = 10
_SNARE = 38
_TIED_ON = ("continue", "stop")


@dataclass(frozen=True)
class _Sound:
    """A note, times in quarters from the start of its bar."""

    begin: float
    length: float
    pitch: int
    goes_on: bool  # tied to the note of the same pitch before


@dataclass
class _Voice:
    """A part: its sounds bar by bar."""

    name: str
    program: int
    is_drum: bool
    bars: list[list[_Sound]]


def midi_of(path: Path) -> bytes:
    """A score as a MIDI file: repeats, jumps and ties are played, grace notes and ornaments are not.

    Raises:
        UserError: the file is missing, no MusicXML, beyond bounds, or what music21 cannot read.
    """
    try:
        root = read_score(path)
        order = play_order(bars_of(next(iter(root.iter("part")), root)))
        with _told():
            return _midi(_parsed(root), order)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as MusicXML ({' '.join(str(error).split())[:300]})") from error


@contextmanager
def _told() -> Iterator[None]:
    """Turns what music21 raises for odd scores into ValueError."""
    from music21.exceptions21 import Music21Exception

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # bars hold more or less than their metre says
            yield
    except (Music21Exception, AssertionError, RecursionError, *RAISED_BY_MUSIC21) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def _parsed(root: Element) -> Any:
    """What music21 makes of a tree, as it sounds."""
    from music21.instrument import Instrument
    from music21.musicxml.xmlToM21 import MusicXMLImporter

    score: Any = MusicXMLImporter().xmlRootToScore(root)
    return score.toSoundingPitch() if any(one.transposition for one in score[Instrument]) else score


def _midi(score: Any, order: Sequence[int]) -> bytes:
    """A score as MIDI, its bars played in an order.

    Raises:
        ValueError: it is too long.
    """
    parts = [list(part.getElementsByClass("Measure")) for part in score.parts]
    lengths = [_length([bar for bar in bars if bar is not None]) for bars in zip_longest(*parts)]
    starts, end = [], 0.0
    for place in order:
        starts.append(end)
        end += lengths[place] if place < len(lengths) else 0.0
    if end > _MOST_QUARTERS:
        raise ValueError(f"it lasts {end:.0f} quarters, expected at most {_MOST_QUARTERS}")
    found = ScoreTick(_QUARTER)
    for tempo in _tempi(parts, order, starts):
        found.tempos.append(tempo)
    for voice in map(_voice, score.parts, parts):
        track = TrackTick(voice.name, voice.program, voice.is_drum)
        for note in _played(voice, order, starts):
            track.notes.append(note)
        found.tracks.append(track)
    return bytes(found.dumps_midi())


def _length(bars: Sequence[Any]) -> float:
    """Quarters of a bar in all parts: of a pick-up what is written, of one without notes what its metre says."""
    return float(max(bar.highestTime for bar in bars) or bars[0].barDuration.quarterLength)


def _voice(part: Any, bars: Sequence[Any]) -> _Voice:
    from music21.note import Unpitched

    instrument = part.getInstrument(returnDefault=True)
    drums = instrument.midiChannel == _DRUM_CHANNEL - 1 or any(bar[Unpitched] for bar in bars)
    program = instrument.midiProgram if instrument.midiProgram in range(128) else 0
    return _Voice(str(part.partName or "")[:80], program, drums, [list(_sounds(bar)) for bar in bars])


def _sounds(bar: Any) -> Iterator[_Sound]:
    for element in bar.flatten().notes:
        for note in getattr(element, "notes", [element]):  # of a chord
            length = float(element.quarterLength)
            if length > 0:  # grace notes have none
                tied = note.tie is not None and note.tie.type in _TIED_ON
                yield _Sound(float(element.offset), length, _pitch(note), tied)


def _pitch(note: Any) -> int:
    """Of MIDI; a drum's is what it strikes."""
    if hasattr(note, "pitch"):
        return min(127, max(0, int(note.pitch.midi)))
    struck: Any = getattr(note.storedInstrument, "percMapPitch", None)
    return int(struck) if struck in range(128) else _SNARE


def _played(voice: _Voice, order: Sequence[int], starts: Sequence[float]) -> list[NoteTick]:
    """A part's notes, in ticks from the beginning; those that are tied are one."""
    notes: list[NoteTick] = []
    latest: dict[int, NoteTick] = {}  # by pitch
    for place, start in zip(order, starts, strict=True):
        for sound in voice.bars[place] if place < len(voice.bars) else ():
            begin, end = _ticks(start + sound.begin), _ticks(start + sound.begin + sound.length)
            before = latest.get(sound.pitch)
            if sound.goes_on and before is not None and abs(before.time + before.duration - begin) <= 1:
                before.duration = end - before.time
                continue
            latest[sound.pitch] = NoteTick(begin, max(1, end - begin), sound.pitch, _VELOCITY)
            notes.append(latest[sound.pitch])
    return notes


def _tempi(parts: Sequence[Sequence[Any]], order: Sequence[int], starts: Sequence[float]) -> Iterator[TempoTick]:
    """The tempi of bars as they are played; of a bar's the first part that says one."""
    from music21.tempo import MetronomeMark

    for place, start in zip(order, starts, strict=True):
        said = [bars[place].flatten()[MetronomeMark] for bars in parts if place < len(bars)]
        for mark in next((marks for marks in said if marks), ()):
            bpm = mark.getQuarterBPM()
            if bpm is not None and math.isfinite(bpm) and _SLOWEST <= bpm <= _FASTEST:
                yield TempoTick(_ticks(start + float(mark.offset)), bpm)


def _ticks(quarters: float) -> int:
    return round(quarters * _QUARTER)

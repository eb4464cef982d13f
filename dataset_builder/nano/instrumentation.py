"""The instruments an arrangement may use, and who plays what.

Ranges are what players call comfortable, in MIDI pitches; programs are 0-based General MIDI of Slakh's class.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ..seeds import rng_for
from .works import Work

DRUM_KITS = {"rock": (0, 8, 16), "electronic": (24, 25), "jazz": (32, 40), "orchestra": (48, 0)}


@dataclass(frozen=True)
class Instrument:
    """A class of Slakh's: its programs and its comfortable range."""

    name: str
    programs: tuple[int, ...]
    low: int
    high: int


INSTRUMENTS = {
    instrument.name: instrument
    for instrument in (
        Instrument("acoustic piano", (0, 1, 2, 3), 36, 96),
        Instrument("electric piano", (4, 5), 40, 88),
        Instrument("chromatic percussion", (8, 9, 10, 11, 12, 13), 60, 96),
        Instrument("organ", (16, 17, 18, 19, 20), 36, 91),
        Instrument("acoustic guitar", (24, 25), 40, 79),
        Instrument("clean electric guitar", (26, 27), 40, 81),
        Instrument("distorted electric guitar", (29, 30), 40, 81),
        Instrument("acoustic bass", (32,), 28, 55),
        Instrument("electric bass", (33, 34, 35), 28, 55),
        Instrument("violin", (40,), 55, 93),
        Instrument("viola", (41,), 48, 81),
        Instrument("cello", (42,), 36, 72),
        Instrument("contrabass", (43,), 28, 55),
        Instrument("string ensemble", (48, 49), 36, 91),
        Instrument("timpani", (47,), 38, 57),
        Instrument("orchestral harp", (46,), 36, 96),
        Instrument("synth strings", (50, 51), 36, 91),
        Instrument("choir and voice", (52, 53), 43, 81),
        Instrument("trumpet", (56, 59), 55, 84),
        Instrument("trombone", (57,), 40, 70),
        Instrument("tuba", (58,), 28, 55),
        Instrument("french horn", (60,), 41, 77),
        Instrument("brass section", (61, 62), 43, 82),
        Instrument("soprano/alto sax", (64, 65), 54, 86),
        Instrument("tenor sax", (66,), 44, 75),
        Instrument("baritone sax", (67,), 36, 66),
        Instrument("oboe", (68,), 58, 89),
        Instrument("english horn", (69,), 52, 81),
        Instrument("bassoon", (70,), 34, 72),
        Instrument("clarinet", (71,), 50, 89),
        Instrument("pipe", (72, 73, 74, 75), 60, 96),
        Instrument("synth lead", (80, 81), 48, 88),
        Instrument("synth pad", (88, 89, 90, 91), 40, 88),
    )
}


@dataclass(frozen=True)
class Ensemble:
    """Who can play what in a kind of group. `drums` is the kit, or None for timpani; `weight` how often it is cast."""

    weight: int
    melody: tuple[str, ...]
    inner: tuple[str, ...]
    poly: tuple[str, ...]
    low: tuple[str, ...]
    bass: tuple[str, ...]
    guitar: tuple[str, ...]
    colour: tuple[str, ...]
    double: tuple[str, ...]
    drums: str | None


GUITARS = ("acoustic guitar", "clean electric guitar")
ENSEMBLES = {
    "orchestra": Ensemble(
        3,
        ("violin", "oboe", "pipe", "clarinet", "trumpet"),
        ("clarinet", "english horn", "viola", "french horn", "violin", "oboe", "trombone"),
        ("string ensemble", "orchestral harp", "choir and voice"),
        ("cello", "bassoon", "tuba", "trombone"),
        ("contrabass",),
        ("acoustic guitar",),
        ("string ensemble", "orchestral harp", "choir and voice"),
        ("pipe", "chromatic percussion", "violin"),
        None,
    ),
    "chamber": Ensemble(
        3,
        ("violin", "clarinet", "oboe", "pipe", "english horn"),
        ("viola", "violin", "clarinet", "english horn", "cello", "french horn"),
        ("acoustic piano", "orchestral harp", "acoustic guitar"),
        ("cello", "bassoon"),
        ("contrabass", "acoustic bass"),
        ("acoustic guitar",),
        ("acoustic piano", "orchestral harp"),
        ("pipe", "chromatic percussion"),
        "jazz",
    ),
    "jazz": Ensemble(
        4,
        ("tenor sax", "soprano/alto sax", "trumpet", "clarinet", "pipe", "electric piano"),
        ("soprano/alto sax", "tenor sax", "trombone", "trumpet", "electric piano", "clarinet"),
        ("acoustic piano", "electric piano", "organ"),
        ("baritone sax", "trombone", "cello"),
        ("acoustic bass",),
        ("clean electric guitar", "acoustic guitar"),
        ("acoustic piano", "electric piano", "organ"),
        ("chromatic percussion", "pipe"),
        "jazz",
    ),
    "rock": Ensemble(
        5,
        ("distorted electric guitar", "clean electric guitar", "acoustic piano", "organ", "synth lead"),
        ("organ", "electric piano", "clean electric guitar", "acoustic guitar", "acoustic piano"),
        ("acoustic piano", "organ", "electric piano"),
        ("baritone sax", "distorted electric guitar", "organ"),
        ("electric bass",),
        ("distorted electric guitar", *GUITARS),
        ("organ", "synth strings", "brass section"),
        ("synth lead", "brass section", "string ensemble"),
        "rock",
    ),
    "electronic": Ensemble(
        4,
        ("synth lead", "electric piano", "synth strings", "choir and voice"),
        ("synth lead", "electric piano", "synth strings", "choir and voice", "chromatic percussion"),
        ("synth pad", "electric piano", "synth strings"),
        ("synth strings", "synth pad", "cello"),
        ("electric bass",),
        ("clean electric guitar",),
        ("synth pad", "synth strings", "choir and voice"),
        ("chromatic percussion", "synth lead", "pipe"),
        "electronic",
    ),
    "folk": Ensemble(
        4,
        ("pipe", "violin", "acoustic guitar", "oboe", "choir and voice"),
        ("violin", "viola", "clarinet", "acoustic guitar", "pipe", "cello"),
        ("acoustic guitar", "acoustic piano", "orchestral harp"),
        ("cello", "bassoon", "viola"),
        ("acoustic bass", "electric bass"),
        ("acoustic guitar", "clean electric guitar"),
        ("acoustic piano", "orchestral harp", "string ensemble"),
        ("pipe", "chromatic percussion"),
        "rock",
    ),
    "brass": Ensemble(
        3,
        ("trumpet", "soprano/alto sax", "french horn", "clarinet"),
        ("french horn", "trombone", "trumpet", "tenor sax", "soprano/alto sax", "clarinet"),
        ("brass section", "acoustic piano", "organ"),
        ("tuba", "trombone", "baritone sax"),
        ("tuba", "electric bass", "acoustic bass"),
        GUITARS,
        ("brass section", "organ", "acoustic piano"),
        ("pipe", "brass section", "chromatic percussion"),
        "orchestra",
    ),
}


@dataclass(frozen=True)
class Role:
    """One stem's part. kind: line, bass, guitar, colour, double, timpani or drums; `line` is the line it plays."""

    kind: str
    instrument: str
    program: int
    line: int | None = None


def cast(work: Work, variant: int, lines: Sequence[str]) -> tuple[str, tuple[Role, ...]]:
    """Choose an ensemble and give every line and accompanying part an instrument, no class twice.

    Drawn by the work's and the variant's names; needs no score, so the whole corpus can be cast in no time.
    Returns the ensemble's name and its roles, the melody first.
    """
    rng = rng_for("nano-cast", work.id, variant)
    names = list(ENSEMBLES)
    weights = np.array([ENSEMBLES[name].weight for name in names], dtype=float)
    name = str(rng.choice(names, p=weights / weights.sum()))
    ensemble, used, roles = ENSEMBLES[name], set[str](), list[Role]()

    def engage(kind: str, *pools: Sequence[str], line: int | None = None) -> None:
        free = next((free for pool in pools if (free := [name for name in pool if name not in used])), None)
        if free is None:
            return
        if line is not None:
            free = [name for name in free if _suits(INSTRUMENTS[name], line, len(lines))] or free
        chosen = str(rng.choice(free))
        used.add(chosen)
        roles.append(Role(kind, chosen, int(rng.choice(INSTRUMENTS[chosen].programs)), line))

    bass_plays_line = bool(rng.random() < 0.4)
    for index, kind in enumerate(lines):
        if index == 0:
            engage("line", ensemble.melody, line=index)
        elif kind == "bass":
            engage("line", ensemble.bass if bass_plays_line else ensemble.low, ensemble.bass, line=index)
        else:
            first = ensemble.poly if kind == "poly" else ensemble.inner
            engage("line", first, ensemble.poly, ensemble.colour, line=index)
    if not (bass_plays_line and "bass" in lines):
        engage("bass", ensemble.bass)
    if rng.random() < (0.3 if ensemble.drums is None or name == "chamber" else 0.85):
        engage("guitar", ensemble.guitar)
    if len(roles) < 4 or (rng.random() < 0.55 and len(roles) < 8):
        engage("colour", ensemble.colour)
    if len(roles) < 5 or (rng.random() < 0.3 and len(roles) < 7):
        engage("double", ensemble.double)
    roles += _percussion(rng, name, ensemble.drums, engage)
    return name, tuple(roles)


def _percussion(rng: np.random.Generator, ensemble: str, kit: str | None, engage: Callable[..., None]) -> list[Role]:
    """The drum kit of an ensemble, if it is given one; where it has none by nature, timpani are engaged instead."""
    if kit is None:
        if rng.random() < 0.75:
            engage("timpani", ("timpani",))
        elif rng.random() < 0.5:
            return [Role("drums", "drums", int(rng.choice(DRUM_KITS["orchestra"])))]
    elif rng.random() < (0.4 if ensemble == "chamber" else 0.95):
        return [Role("drums", "drums", int(rng.choice(DRUM_KITS[kit])))]
    return []


def _suits(instrument: Instrument, line: int, lines: int) -> bool:
    """Whether a line lies in the instrument's range where it is written, going by its place between top and bass."""
    height = 71 - 20 * line / max(1, lines - 1)
    return instrument.low <= height - 6 and height + 7 <= instrument.high

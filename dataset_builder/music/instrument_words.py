"""What instruments are called: by their class, or by the sound that General MIDI has for them, in everyday words.

A class takes many sounds together ("pipe" is the flute, the piccolo and the recorder; "electric piano" the harpsichord,
too), which a text encoder that has read of flutes and harpsichords cannot know.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from ..errors import UserError
from .instruments import CLASSES, class_of_word, programs_of, words_of_list

# Of the 0-based programs of General MIDI level 1 (https://midi.org/general-midi).
PROGRAMS: tuple[str, ...] = (
    "grand piano", "bright acoustic piano", "electric grand piano", "honky-tonk piano", "electric piano",
    "electric piano", "harpsichord", "clavinet",
    "celesta", "glockenspiel", "music box", "vibraphone", "marimba", "xylophone", "tubular bells", "dulcimer",
    "drawbar organ", "percussive organ", "rock organ", "church organ", "reed organ", "accordion", "harmonica",
    "tango accordion",
    "nylon guitar", "steel guitar", "jazz guitar", "clean electric guitar", "muted guitar", "overdriven guitar",
    "distortion guitar", "guitar harmonics",
    "acoustic bass", "fingered bass", "picked bass", "fretless bass", "slap bass", "slap bass", "synth bass",
    "synth bass",
    "violin", "viola", "cello", "contrabass", "tremolo strings", "pizzicato strings", "orchestral harp", "timpani",
    "string ensemble", "slow string ensemble", "synth strings", "synth strings", "choir", "voice", "synth choir",
    "orchestra hit",
    "trumpet", "trombone", "tuba", "muted trumpet", "french horn", "brass section", "synth brass", "synth brass",
    "soprano sax", "alto sax", "tenor sax", "baritone sax", "oboe", "english horn", "bassoon", "clarinet",
    "piccolo", "flute", "recorder", "pan flute", "blown bottle", "shakuhachi", "whistle", "ocarina",
    "square lead", "sawtooth lead", "calliope lead", "chiff lead", "charang lead", "voice lead", "fifths lead",
    "bass lead",
    "new age pad", "warm pad", "polysynth pad", "choir pad", "bowed pad", "metallic pad", "halo pad", "sweep pad",
    "rain effect", "soundtrack effect", "crystal effect", "atmosphere effect", "brightness effect", "goblins effect",
    "echoes effect", "sci-fi effect",
    "sitar", "banjo", "shamisen", "koto", "kalimba", "bagpipe", "fiddle", "shanai",
    "tinkle bell", "agogo", "steel drums", "woodblock", "taiko drum", "melodic tom", "synth drum", "reverse cymbal",
    "guitar fret noise", "breath noise", "seashore", "bird tweet", "telephone ring", "helicopter", "applause",
    "gunshot",
)  # fmt: skip
DRUMS = "drums"
LONGEST_WORD, _MOST = 40, 40  # letters of an instrument's name, names in a list
_WORD = re.compile(r"\w[\w '’./-]*")
_COUNT = re.compile(r"(?:\d+|an?|the|some|two|three|four|five|six) +(?=\S)(?!strings?\b|cappella\b)")


def sound_of(program: int, is_drum: bool) -> str:
    """What General MIDI calls a 0-based program, in everyday words."""
    return PROGRAMS[program] if not is_drum and program < len(PROGRAMS) else DRUMS


def sounds_of(instrument: str) -> tuple[str, ...]:
    """General MIDI's sounds of a class, each once."""
    return tuple(dict.fromkeys(sound_of(program, False) for program in programs_of(instrument)))


def program_of(word: str, instrument: str) -> int:
    """The 0-based program of a class that is called so; the class's first if none is, 128 for drums."""
    programs = programs_of(instrument) or (128,)
    return next((program for program in programs if sound_of(program, program > 127) == word), programs[0])


class Sounding(Protocol):
    """What is known of a stem."""

    @property
    def instrument(self) -> str | None: ...
    @property
    def program(self) -> int: ...
    @property
    def is_drum(self) -> bool: ...
    @property
    def word(self) -> str | None: ...


def _class(stem: Sounding) -> str:
    return str(stem.instrument)


def _sound(stem: Sounding) -> str:
    return stem.word or sound_of(stem.program, stem.is_drum)


NAMINGS: dict[str, Callable[[Sounding], str]] = {"classes": _class, "midi": _sound}


def naming(name: str) -> Callable[[Sounding], str]:
    """One of `NAMINGS`.

    Raises:
        UserError: for an unknown one.
    """
    if name not in NAMINGS:
        raise UserError(f"unknown instrument_words {name!r:.80}, known: {', '.join(NAMINGS)}")
    return NAMINGS[name]


def words_of(stems: Iterable[Sounding], how: str) -> tuple[str, ...]:
    """What stems are called, without repetition: in the order of their classes, then of their programs.

    Args:
        stems: those of which the class is known are named.
        how: a name in `NAMINGS`.
    """
    call = naming(how)
    named = [(CLASSES.index(stem.instrument), stem.program, call(stem)) for stem in stems if stem.instrument]
    return tuple(dict.fromkeys(word for *_, word in sorted(named)))


@dataclass(frozen=True)
class Asked:
    """An instrument as somebody asks for it.

    Attributes:
        word: theirs, in small letters.
        instrument: its class; None for a word that is not known.
    """

    word: str
    instrument: str | None


def asked_for(text: str) -> tuple[Asked, ...]:
    """The instruments of a list ("2 violins, cello and drums"), in its order, each word once.

    Raises:
        UserError: for an empty list, a very long one, or what cannot be a name.
    """
    words = words_of_list(text)
    if len(words) > _MOST:
        raise UserError(f"{len(words)} instruments are named: expected at most {_MOST}")
    return tuple(dict.fromkeys(_asked(word) for word in words))


def _asked(word: str) -> Asked:
    counted = _COUNT.match(word)
    if counted and class_of_word(word) is None:  # "2 violins" are what "violins" are
        word = word[counted.end() :]
    return Asked(name_of(word), class_of_word(word))


def name_of(text: str) -> str:
    """An instrument's name, in small letters.

    Raises:
        UserError: if it cannot be one.
    """
    word = " ".join(text.lower().split())
    if len(word) > LONGEST_WORD or not _WORD.fullmatch(word):
        raise UserError(f"{word!a:.80} is no instrument's name: expected at most {LONGEST_WORD} letters")
    return word

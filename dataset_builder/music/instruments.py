"""The instruments: Slakh2100's 34 sampler classes, the words that people use for them, and General MIDI programs.

The classes and their programs are Slakh's (http://www.slakh.com); programs without a class (bells and other percussion
that is not a drum kit, sound effects, ethnic instruments) have none.
"""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from typing import NoReturn

from rapidfuzz import fuzz, process

from ..errors import UserError

# Class name, its 0-based General MIDI programs, and other words for it.
_TABLE: tuple[tuple[str, tuple[int, ...], tuple[str, ...]], ...] = (
    ("acoustic piano", (0, 1, 2, 3), ("piano", "grand piano", "bright acoustic piano", "honky-tonk piano")),
    ("electric piano", (4, 5, 6, 7), ("rhodes", "keyboard", "harpsichord", "clavinet", "clavi")),
    ("chromatic percussion", tuple(range(8, 16)), (
        "celesta", "glockenspiel", "music box", "vibraphone", "marimba", "xylophone", "tubular bells", "dulcimer")),
    ("organ", tuple(range(16, 24)), ("church organ", "hammond", "accordion", "harmonica")),
    ("acoustic guitar", (24, 25), ("guitar", "nylon guitar", "steel guitar", "classical guitar")),
    ("clean electric guitar", (26, 27, 28), ("electric guitar", "jazz guitar", "muted guitar")),
    ("distorted electric guitar", (29, 30, 31), (
        "distortion guitar", "overdriven guitar", "rock guitar", "guitar harmonics")),
    ("acoustic bass", (32,), ("upright bass",)),
    ("electric bass", tuple(range(33, 40)), ("bass", "bass guitar", "slap bass", "fretless bass", "synth bass")),
    ("violin", (40,), ("fiddle",)),
    ("viola", (41,), ()),
    ("cello", (42,), ("violoncello",)),
    ("contrabass", (43,), ("double bass", "string bass")),
    ("string ensemble", (44, 45, 48, 49), ("strings", "string section", "string orchestra", "orchestra")),
    ("timpani", (47,), ("timpano", "kettledrum")),
    ("orchestral harp", (46,), ("harp",)),
    ("synth strings", (50, 51), ("synthesizer strings",)),
    ("choir and voice", (52, 53, 54), ("choir", "voice", "vocal", "chorus", "singer", "synth choir")),
    ("trumpet", (56, 59), ("cornet",)),
    ("trombone", (57,), ()),
    ("tuba", (58,), ()),
    ("french horn", (60,), ("horn",)),
    ("brass section", (61, 62, 63), ("brass", "synth brass")),
    ("soprano/alto sax", (64, 65), ("saxophone", "sax", "alto sax", "soprano sax", "alto saxophone",
                                    "soprano saxophone")),
    ("tenor sax", (66,), ("tenor saxophone",)),
    ("baritone sax", (67,), ("baritone saxophone",)),
    ("oboe", (68,), ()),
    ("english horn", (69,), ("cor anglais",)),
    ("bassoon", (70,), ()),
    ("clarinet", (71,), ()),
    ("pipe", tuple(range(72, 80)), (
        "flute", "piccolo", "recorder", "pan flute", "whistle", "ocarina", "shakuhachi", "blown bottle")),
    ("synth lead", tuple(range(80, 88)), (
        "lead synth", "synth", "synthesizer", "lead", "voice lead", "bass lead")),
    ("synth pad", tuple(range(88, 96)), ("pad", "choir pad")),
    ("drums", (), ("drum", "drum kit", "drum set", "percussion", "cymbals", "beat box")),
)  # fmt: skip

CLASSES: tuple[str, ...] = tuple(name for name, _, _ in _TABLE)
PITCHED: frozenset[str] = frozenset(CLASSES) - {"drums"}
_NEAR, _AS_NEAR = 75, 10  # of 100: how alike two words are; further than this from the best is no guess
_BY_PROGRAM = {program: name for name, programs, _ in _TABLE for program in programs}
_FAMILIES = ("Piano", "Chromatic Percussion", "Organ", "Guitar", "Bass", "Strings", "Strings (continued)", "Brass",
             "Reed", "Pipe", "Synth Lead", "Synth Pad", "Sound Effects", "Ethnic", "Percussive",
             "Sound Effects")  # fmt: skip


def class_of(program_num: int, is_drum: bool) -> str | None:
    """Slakh's class of a 0-based General MIDI program; None for a program that has none."""
    return "drums" if is_drum else _BY_PROGRAM.get(program_num)


def programs_of(name: str) -> tuple[int, ...]:
    """The 0-based General MIDI programs of a class; none for drums."""
    return next(programs for other, programs, _ in _TABLE if other == name)


def aliases_of(name: str) -> tuple[str, ...]:
    """Other words for a class."""
    return next(aliases for other, _, aliases in _TABLE if other == name)


def family_of(program_num: int) -> str:
    """What Slakh's metadata calls `inst_class`: the General MIDI family of a 0-based program."""
    return _FAMILIES[program_num // 8] if program_num < 128 else "Drums"


def ordered(names: Iterable[str]) -> tuple[str, ...]:
    """Class names without repetition in the fixed order."""
    wanted = set(names)
    return tuple(name for name in CLASSES if name in wanted)


@cache
def _words() -> dict[str, str]:
    """Every word for an instrument, with plurals, and the class that it means."""
    words: dict[str, str] = {}
    for name, _, aliases in _TABLE:
        for word in (name, *aliases):
            for form in {word, _plural(word)}:
                words.setdefault(form, name)
    return words


def _plural(word: str) -> str:
    if word.endswith(("s", "x")):
        return word + ("" if word.endswith("s") else "es")
    return word + "s"


# General MIDI's instruments without a class of Slakh's, and others that people name: no description may name them.
_WITHOUT_CLASS = (
    "sitar", "banjo", "shamisen", "koto", "kalimba", "bagpipe", "shanai", "tinkle bell", "agogo", "steel drum",
    "woodblock", "taiko", "taiko drum", "tom", "reverse cymbal", "cymbal", "mandolin", "ukulele", "lute", "zither",
    "bell", "bongo", "conga", "tambourine", "snare", "hi-hat", "bass drum",
)  # fmt: skip


@cache
def _pattern() -> re.Pattern[str]:
    others = {form for word in _WITHOUT_CLASS for form in (word, _plural(word))}
    longest_first = sorted({*_words(), *others}, key=len, reverse=True)
    return re.compile(r"(?<![\w-])(" + "|".join(map(re.escape, longest_first)) + r")(?![\w-])", re.IGNORECASE)


def instrument_words_in(text: str) -> list[str]:
    """The words for instruments that a text holds, as they stand there."""
    return _pattern().findall(text)


def find_instruments(text: str) -> tuple[str, ...]:
    """The classes that a free text names, in the fixed order."""
    known = _words()
    return ordered(known[word.lower()] for word in instrument_words_in(text) if word.lower() in known)


def parse_instruments(asked: str | Sequence[str]) -> tuple[str, ...]:
    """The classes of a list of instruments ("violins, cello and drums"), in the fixed order.

    Raises:
        UserError: for an unknown word, with the nearest known ones; or for an empty list.
    """
    return ordered(class_of_word(word) or refuse_word(word) for word in words_of_list(asked))


def words_of_list(asked: str | Sequence[str]) -> list[str]:
    """The words of a list of instruments, in small letters, in its order.

    Raises:
        UserError: for an empty list.
    """
    parts = re.split(r",|;|\band\b(?! voice)|\+|&", asked) if isinstance(asked, str) else list(asked)
    words = [" ".join(part.lower().split()) for part in parts if part.strip()]
    if not words:
        raise UserError(f"no instrument named: expected some of {', '.join(CLASSES[:6])}, ...")
    return words


def class_of_word(word: str) -> str | None:
    """The class that a word or its plural, in small letters, means; None for a word that is not known."""
    return _words().get(word)


def refuse_word(word: str) -> NoReturn:
    """Raises UserError, which names the words that are spelt nearly as this unknown one."""
    likely = nearest_instruments(word)
    hint = f"did you mean {', '.join(likely)}?" if likely else f"expected some of {', '.join(CLASSES)}"
    raise UserError(f"unknown instrument {word!r:.80}: {hint}")


def nearest_instruments(word: str) -> tuple[str, ...]:
    """Up to three words for instruments that are spelt nearly as this one, the nearest first."""
    singular = [name for row, _, aliases in _TABLE for name in (row, *aliases)]
    found = process.extract(word.lower(), singular, scorer=fuzz.WRatio, score_cutoff=_NEAR, limit=None)
    matches = sorted(found, key=lambda match: (-match[1], -fuzz.ratio(word.lower(), match[0])))[:3]
    return tuple(name for name, score, _ in matches if score > matches[0][1] - _AS_NEAR)

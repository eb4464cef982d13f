"""Words for instruments: General MIDI's sounds mean the classes of their programs, and lists are read as meant."""

import pretty_midi
import pytest

from dataset_builder.errors import UserError
from dataset_builder.items.item import StemPart
from dataset_builder.music.instrument_words import PROGRAMS, Asked, asked_for, program_of, words_of
from dataset_builder.music.instruments import CLASSES, class_of, find_instruments, programs_of


def test_every_sound_shares_a_word_with_general_midis_own_name() -> None:
    for program, word in enumerate(PROGRAMS):
        name = pretty_midi.program_to_instrument_name(program).lower().replace("(", "").replace(")", "")
        assert {*word.split()} & {*name.split()}, (word, name)


def test_every_sound_means_the_class_of_its_program() -> None:
    """Also to the small models, which look for words of instruments in a prompt."""
    for program, word in enumerate(PROGRAMS):
        instrument = class_of(program, False)
        assert instrument is None or find_instruments(word) == (instrument,), word


def stem(instrument: str | None, program: int, word: str | None = None) -> StemPart:
    return StemPart("S00", "a/S00.flac", 1.0, instrument, program, instrument == "drums", word)


def test_stems_are_called_by_class_or_by_sound() -> None:
    stems = [
        stem("drums", 128), stem("pipe", 73), stem("electric piano", 6), stem("pipe", 72), stem("pipe", 73),
        stem(None, 104), stem("violin", 40, "hurdy-gurdy"),
    ]  # fmt: skip
    assert words_of(stems, "classes") == ("electric piano", "violin", "pipe", "drums")
    assert words_of(stems, "midi") == ("harpsichord", "hurdy-gurdy", "piccolo", "flute", "drums")
    with pytest.raises(UserError, match="unknown instrument_words 'words', known: classes, midi"):
        words_of(stems, "words")


def test_a_word_has_its_program() -> None:
    assert program_of("flute", "pipe") == 73 and program_of("fiddle", "violin") == 40
    assert all(program_of("whatever", name) == (*programs_of(name), 128)[0] for name in CLASSES)


def test_a_list_is_read_in_its_order_with_the_words_as_they_are() -> None:
    found = asked_for("2 Violins, a flute and choir and voice; Hurdy-Gurdy + flute & 808")
    assert found == (
        Asked("violins", "violin"), Asked("flute", "pipe"), Asked("choir and voice", "choir and voice"),
        Asked("hurdy-gurdy", None), Asked("808", None),
    )  # fmt: skip


@pytest.mark.parametrize("name", ["6 string bass", "12 string guitar", "a cappella choir"])
def test_a_number_may_be_of_the_name(name: str) -> None:
    assert asked_for(name) == (Asked(name, None),)


def test_a_program_beyond_general_midi_is_a_drum_kits() -> None:
    """A stranger's item may have one that is no drum."""
    assert words_of([stem("violin", 128)], "midi") == ("drums",)


@pytest.mark.parametrize(
    "text", ["", " ,; ", "a\x00b", "vio\nlin\x1b[0m", "x" * 41, ",".join(map(str, range(41))), "${a}", "../x"]
)
def test_what_is_no_list_of_instruments_is_one_line(text: str) -> None:
    with pytest.raises(UserError) as caught:
        asked_for(text)
    assert str(caught.value).isprintable() and len(str(caught.value)) < 200

"""Instruments by program and by the names that people use for them, and what is no instrument."""

import pytest

from dataset_builder.errors import UserError
from dataset_builder.music.instruments import (
    CLASSES,
    PITCHED,
    class_of,
    family_of,
    find_instruments,
    instrument_words_in,
    ordered,
    parse_instruments,
    programs_of,
)


def test_there_are_slakhs_34_classes():
    assert len(CLASSES) == len(set(CLASSES)) == 34
    assert set(CLASSES) - PITCHED == {"drums"}


def test_every_class_but_drums_has_programs_and_no_program_two_classes():
    programs = [program for name in CLASSES for program in programs_of(name)]
    assert len(programs) == len(set(programs))
    assert all(class_of(program, False) == name for name in CLASSES for program in programs_of(name))
    assert [name for name in CLASSES if not programs_of(name)] == ["drums"]


@pytest.mark.parametrize(
    ("program", "drum", "expected"),
    [(0, False, "acoustic piano"), (22, False, "organ"), (52, False, "choir and voice"), (55, False, None),
     (120, False, None), (47, False, "timpani"), (128, True, "drums"), (0, True, "drums"), (999, False, None)],
)  # fmt: skip
def test_class_of_a_program(program, drum, expected):
    assert class_of(program, drum) == expected


def test_families_are_named_as_in_slakh():
    assert family_of(22) == "Organ" and family_of(52) == "Strings (continued)" and family_of(128) == "Drums"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("violins, cello and drums", ("violin", "cello", "drums")),
        ("Flute; Piano", ("acoustic piano", "pipe")),
        (["drums", "violin", "violin"], ("violin", "drums")),
        ("choir and voice, electric bass", ("electric bass", "choir and voice")),
        ("saxes + french horns & strings", ("string ensemble", "french horn", "soprano/alto sax")),
        ("soprano/alto sax", ("soprano/alto sax",)),
    ],
)
def test_parse(asked, expected):
    assert parse_instruments(asked) == expected


def test_every_class_parses_as_itself():
    assert parse_instruments(list(CLASSES)) == CLASSES
    assert all(parse_instruments(name) == (name,) for name in CLASSES)


def test_an_unknown_word_is_refused_with_near_names():
    with pytest.raises(UserError, match="unknown instrument 'violine': did you mean violin"):
        parse_instruments("cello, violine")


@pytest.mark.parametrize("asked", ["", " , ", []])
def test_nothing_named_is_refused(asked):
    with pytest.raises(UserError, match="no instrument named"):
        parse_instruments(asked)


def test_words_are_found_whole_and_in_any_case():
    assert instrument_words_in("Violins play with a Double Bass") == ["Violins", "Double Bass"]
    assert instrument_words_in("an organised, harmless composition") == []
    assert find_instruments("drums and a flute") == ("pipe", "drums")


def test_ordered_drops_repetitions():
    assert ordered(["drums", "violin", "drums"]) == ("violin", "drums")


def test_words_for_instruments_without_a_class_are_found_but_mean_none():
    assert instrument_words_in("A banjo, steel drums and a sitar.") == ["banjo", "steel drums", "sitar"]
    assert find_instruments("A banjo and a violin.") == ("violin",)

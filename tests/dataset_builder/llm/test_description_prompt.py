"""The prompt is the paper's, and an answer is left without the instruments that it names."""

import pytest

from dataset_builder.items.facts import Facts
from dataset_builder.llm.description_prompt import format_input, without_instruments

FACTS = Facts("Track00001-mix", "A calm piano piece.", None, 79.6, "E- major")


def test_the_prompt_is_the_papers() -> None:
    assert format_input(FACTS) == (
        "Create a short simple overall musical description with just a sentence using the following information. "
        "Do not include any instrument name. General description: A calm piano piece, Tempo:80 BPM, Key:E-flat major"
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Gentle guitar music in C major.", "Gentle music in C major."),
        ("A piece featuring a flute, drums and strings.", "A piece."),
        ("Violins, slow and soft.", "Slow and soft."),
        ("A calm piece.", "A calm piece."),
    ],
)
def test_without_instruments(text: str, expected: str) -> None:
    assert without_instruments(text) == expected

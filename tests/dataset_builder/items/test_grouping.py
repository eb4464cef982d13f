"""What counts as one instrument of a track."""

from pathlib import Path

import pytest

from dataset_builder.items.grouping import parts_of
from dataset_builder.music.instruments import class_of
from dataset_builder.sources.track import Stem


def stem(number: int, program: int) -> Stem:
    return Stem(f"S{number:02d}", Path(), Path(), program, program == 128, class_of(program, program == 128))


STEMS = [stem(0, 0), stem(1, 4), stem(2, 40), stem(3, 48), stem(4, 128), stem(5, 2)]


@pytest.mark.parametrize(
    ("grouping", "expected"),
    [
        ("stem", {f"S{n:02d}": (f"S{n:02d}",) for n in range(6)}),
        ("class", {"acoustic-piano": ("S00", "S05"), "electric-piano": ("S01",), "violin": ("S02",),
                   "string-ensemble": ("S03",), "drums": ("S04",)}),
        ("family", {"Piano": ("S00", "S01", "S05"), "Strings": ("S02", "S03"), "Drums": ("S04",)}),
    ],
)  # fmt: skip
def test_parts(grouping, expected):
    assert {part.id: part.stems for part in parts_of(STEMS, grouping)} == expected


def test_names_are_safe_in_files():
    assert parts_of([stem(0, 64)], "class")[0].id == "soprano-alto-sax"

"""Which of an item's instruments sound when."""

from dataclasses import replace

import pytest


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [(0, 4, ("violin",)), (0, 5, ("violin", "drums")), (4, 6, ("drums",)), (6, 6.1, ("violin", "drums")), (11, 12, ())],
)
def test_sounding(make_item, start, end, expected):
    assert make_item().sounding(start, end) == expected


def test_a_stem_without_class_is_not_named(make_item):
    item = make_item()
    stems = (replace(item.stems[0], instrument=None), item.stems[1])
    assert make_item(stems=stems).sounding(0, 10) == ("drums",)

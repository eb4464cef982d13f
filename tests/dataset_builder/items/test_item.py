"""An item to JSON and back, and which of its instruments sound when."""

import json
from dataclasses import replace

import pytest

from dataset_builder.items.item import Item


def test_json_and_back(make_item):
    item = make_item()
    assert Item.from_json(json.loads(json.dumps(item.to_json()))) == item


def test_a_missing_field_is_refused(make_item):
    values = make_item().to_json()
    del values["activity"]
    with pytest.raises(KeyError):
        Item.from_json(values)


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

"""An item to JSON and back; whatever a stranger put into its fields is refused in one line that names the field."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_builder.errors import UserError
from dataset_builder.items.item import Item
from dataset_builder.items.item_format import is_id, parse_item
from dataset_builder.items.track_results import (
    TrackResult,
    find_result,
    read_result,
    result_path,
    write_result,
)

MakeItem = Callable[..., Item]
IDS = [
    "../../victim/settings",
    "..",
    ".",
    "",
    ".hidden",
    "a/b",
    "/etc/passwd",
    "a\nb",
    "a\0",
    "\x1b[2J",
    "x" * 237,
    1,
    None,
]
PATHS = ["../x.flac", "/etc/passwd", "a/../../b", "a/..", "./a", "a//b", "", "a\0b", "x" * 4001, 3]


def written(item: Item, **changes: Any) -> bytes:
    return json.dumps({**item.to_json(), **changes}).encode()


@pytest.mark.parametrize("name", ["Été 1999 (live)-mix", "Ｕ-é-S00", "AC_DC & friends-Lead", "a..b", "山-sub2-1"])
def test_json_and_back(make_item: MakeItem, name: str) -> None:
    item = make_item(id=name, track=name, audio=f"train/{name}/..odd/.x/mix.flac", bpm=None, tags=None)
    assert is_id(name) and parse_item(json.dumps(item.to_json()).encode()) == item
    read = parse_item(json.dumps(item.to_json(), ensure_ascii=False).encode())
    assert repr(read) == repr(item), "of the same types, too"


@pytest.mark.parametrize("value", IDS)
@pytest.mark.parametrize("field", ["id", "track"])
def test_names_that_no_file_may_have_are_refused(make_item: MakeItem, field: str, value: Any) -> None:
    assert not is_id(value)
    with pytest.raises(ValueError, match=f"^{field} is .*: expected at most 236 printed letters") as caught:
        parse_item(written(make_item(), **{field: value}))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", PATHS)
def test_paths_that_lead_elsewhere_are_refused(make_item: MakeItem, value: Any) -> None:
    stems = make_item().to_json()["stems"]
    with pytest.raises(ValueError, match=r"^audio is .*: expected a path below"):
        parse_item(written(make_item(), audio=value))
    with pytest.raises(ValueError, match=r"^stems\.1\.path is .*: expected a path below"):
        parse_item(written(make_item(), stems=[stems[0], {**stems[1], "path": value}]))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("duration", 5e7), ("duration", 0), ("duration", -1), ("duration", float("nan")), ("duration", float("inf")),
        ("duration", "10"), ("duration", True), ("duration", None), ("sample_rate", 1), ("sample_rate", 2**31),
        ("sample_rate", 44_100.5), ("bpm", -1.0), ("bpm", []), ("seed", -1), ("seed", 2**53), ("seed", 10**400),
        ("kind", "song"), ("split", "../train"), ("stems", []), ("stems", {}), ("stems", [[]]), ("stems", [{}]),
        ("instruments", ["kazoo"]), ("instruments", "violin"), ("instruments", None), ("tags", {"slow": 2}),
        ("tags", []),
        ("tags", {"slow": "1"}), ("activity", {"../S00": []}), ("activity", {"S00": [[0.0]]}), ("activity", []),
        ("activity", {"S00": [[0.0, 1e9]]}), ("activity", {"S00": [["0", "1"]]}), ("references", [{"item": "a"}]),
        ("references", [{"item": "../a", "melody": 0.5}]), ("references", [{"item": "a", "melody": 7}]),
        ("licence", None), ("caption", 5), ("description", "x" * 100_001), ("key", ["C"]),
    ],
)  # fmt: skip
def test_values_of_other_types_or_beyond_all_bounds_are_refused(make_item: MakeItem, field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field) as caught:
        parse_item(written(make_item(), **{field: value}))
    assert str(caught.value).isprintable() and len(str(caught.value)) < 3000


def test_what_is_missing_or_no_item_is_refused(make_item: MakeItem) -> None:
    for field in make_item().to_json():
        values = make_item().to_json()
        del values[field]
        with pytest.raises(ValueError, match=rf"^{field} is dict: Field required"):
            parse_item(json.dumps(values).encode())
    surrogate = json.dumps({**make_item().to_json(), "description": "\ud800"}).encode()
    for data in (b"", b"[]", b"null", b"{", b"\xff", b"[" * 100_000, b'{"id":' * 100_000, surrogate):
        with pytest.raises(ValueError):
            parse_item(data)


@pytest.mark.parametrize(
    "change",
    [
        lambda values: values["items"][0].update(id="../../victim/settings"),
        lambda values: values["items"][0].update(track="Track00002"),
        lambda values: values["items"].append([]),
        lambda values: values["left_out"].append({"track": 1}),
        lambda values: values.pop("items"),
        lambda values: values.update(items={}),
    ],
)
def test_a_result_that_no_build_writes_is_as_good_as_none(
    make_item: MakeItem, tmp_path: Path, change: Callable[[Any], Any]
) -> None:
    result = TrackResult([make_item()], [])
    write_result(tmp_path, "Track00001", result)
    assert find_result(tmp_path, "Track00001") == result
    path = result_path(tmp_path, "Track00001")
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))
    assert find_result(tmp_path, "Track00001") is None
    with pytest.raises(UserError, match=r"Track00001\.json is missing or torn \(.* (is|expected) .*\): run the build"):
        read_result(tmp_path, "Track00001")

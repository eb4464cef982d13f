"""A data set of somebody else's: no command writes or deletes anything outside of it, and none hangs."""

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dataset_builder.__main__ import main
from dataset_builder.dataset import manifest
from dataset_builder.dataset.integrity import check
from dataset_builder.dataset.materialise import materialise
from dataset_builder.errors import UserError
from dataset_builder.pipeline.build import build, merge
from dataset_builder.pipeline.repair import repair
from dataset_builder.pipeline.settings import BuildSettings, recorded
from dataset_builder.runtime.checksums import digest_of, read_checksums, write_checksums

pytestmark = pytest.mark.usefixtures("in_this_process")
CLIMBING = "../../victim/settings"


@pytest.fixture
def data(tiny_slakh: Path, tmp_path: Path) -> Path:
    """A data set, beside a folder that nobody may touch."""
    root = tmp_path / "data"
    build(BuildSettings("slakh", root, tiny_slakh, captions="none", workers=1))
    for name in ("settings.json", "settings.flac", "settings.safetensors"):
        (tmp_path / "victim").mkdir(exist_ok=True)
        (tmp_path / "victim" / name).write_text("mine")
    return root


def require_untouched(data: Path) -> None:
    victim = data.parent / "victim"
    assert sorted(path.name for path in victim.iterdir()) == [
        "settings.flac", "settings.json", "settings.safetensors"]  # fmt: skip
    assert {path.read_text() for path in victim.iterdir()} == {"mine"}


def rewrite(path: Path, change: Callable[[Any], object]) -> None:
    values = json.loads(path.read_text())
    change(values)
    path.write_text(json.dumps(values))


def agree(data: Path, name: str) -> None:
    """Let the data set's hashes be those of what a stranger changed."""
    sums = read_checksums(data / "SHA256SUMS")
    write_checksums(data / "SHA256SUMS", {**sums, name: digest_of(data / name)})


def rewrite_manifest(path: Path, **changes: object) -> None:
    lines = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    lines[0].update(changes)
    path.write_bytes(gzip.compress("".join(json.dumps(line) + "\n" for line in lines).encode()))


def test_a_track_result_with_climbing_ids_writes_nowhere_else(data: Path) -> None:
    rewrite(data / "tracks/Track00001.json", lambda values: values["items"][0].update(id=CLIMBING))
    agree(data, "tracks/Track00001.json")
    with pytest.raises(UserError, match=r"Track00001\.json .*items\.0\.id is '\.\./\.\./victim/settings': expected"):
        merge(data, workers=1)
    require_untouched(data)
    repair(data)  # makes the result again, although its hash is right
    require_untouched(data)
    assert check(data) == []


@pytest.mark.parametrize("field", ["id", "track", "audio"])
def test_a_sidecar_that_climbs_is_not_read(data: Path, field: str) -> None:
    rewrite(data / "items/Track00001-mix.json", lambda values: values.update({field: CLIMBING}))
    for read in (lambda: manifest.load(data, "train"), lambda: materialise(data, workers=1)):
        with pytest.raises(UserError, match=f"Track00001-mix.json: the data set is broken .{field} is ") as caught:
            read()
        assert "\n" not in str(caught.value)
    assert any(f"Track00001-mix.json is missing or torn (ValueError: {field} is" in fault for fault in check(data))
    require_untouched(data)


def test_a_sidecar_of_another_items_name_is_not_read(data: Path) -> None:
    (data / "items/Track00001-mix.json").write_bytes((data / "items/Track00001-S00.json").read_bytes())
    with pytest.raises(UserError, match="id is of another file, expected 'Track00001-mix'"):
        manifest.load(data, "train")


@pytest.mark.parametrize(
    "place", ["/dev/zero", "items/../../victim/settings.json", "../victim/settings.json", "x.json", "items/.json", 1]
)
def test_a_manifest_names_only_sidecars(data: Path, place: object) -> None:
    rewrite_manifest(data / "egs/train/data.jsonl.gz", info_path=place)
    with pytest.raises(UserError, match=r"info_path is .*, expected items/ID\.json"):
        manifest.load(data, "train")
    assert any("expected items/ID.json" in fault for fault in check(data))


def test_links_and_pipes_among_the_sidecars(data: Path) -> None:
    path = data / "items/Track00001-mix.json"
    kept = data / "kept.json"
    path.rename(kept)
    path.symlink_to(kept)
    assert manifest.load(data, "train")[0].id == "Track00001-mix", "as git-annex has them"
    path.unlink()
    path.symlink_to(kept.rename(data.parent / "kept.json"))
    with pytest.raises(UserError, match=r"is a link to .*kept\.json, expected a file of the data set"):
        manifest.load(data, "train")
    for target in ("/dev/zero", data / "loop"):
        path.unlink()
        path.symlink_to(target)
        with pytest.raises(UserError, match="the data set is broken"):
            manifest.load(data, "train")
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(UserError, match="it is no regular file"):
        manifest.load(data, "train")
    (data / "left_out.jsonl").unlink()
    os.mkfifo(data / "left_out.jsonl")
    assert "left_out.jsonl is not what was written" in check(data)


def test_a_sidecar_that_is_no_file_of_the_data_set_is_written_anew(data: Path) -> None:
    path = data / "items/Track00001-mix.json"
    whole, elsewhere = path.read_bytes(), data.parent / "elsewhere.json"
    path.rename(elsewhere)
    for make in (lambda: path.symlink_to(elsewhere), lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/zero")):
        make()
        merge(data, workers=1)
        assert path.read_bytes() == whole and not path.is_symlink()
        path.unlink()
    assert elsewhere.read_bytes() == whole


def test_a_folder_in_the_place_of_a_sum_is_one_line(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Met where what was made of an old sidecar is removed."""
    (data / "items/Track00001-sub2-1.flac").mkdir()
    (data / "items/Track00001-sub2-1.json").write_text("{}")
    assert main(["check", str(data), "--repair"]) == 2
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error")]
    assert "Track00001-sub2-1.flac" in line and line.endswith("expected a file there: remove the folder")


@pytest.mark.parametrize("folder", ["tracks", "items", "egs", "egs/train", "files", "store", "batches"])
def test_a_folder_that_is_a_link_to_elsewhere_is_refused(data: Path, folder: str) -> None:
    if (data / folder).exists():
        (data / folder).rename(data / "before")
    (data / folder).symlink_to(data.parent / "victim")
    for action in (merge, repair, materialise):
        with pytest.raises(UserError, match=f"{folder} is a link to .*victim: expected a folder of the data set"):
            action(data, 1)
    require_untouched(data)


def test_bombs_and_wrong_types_are_told_in_one_line(data: Path) -> None:
    path = data / "egs/train/data.jsonl.gz"
    whole = path.read_bytes()
    for content in (b"0" * (1 << 20), b"[" * 60_000, b"[]\n", b"1\n", b"\xff\n", b'{"info_path": NaN}\n'):
        path.write_bytes(gzip.compress(content))
        with pytest.raises(UserError, match="the data set is broken") as caught:
            manifest.read_split(data, "train")
        assert "\n" not in str(caught.value)
    line = b'{"info_path": "items/a.json", "x": "' + b"0" * 60_000 + b'"}\n'
    path.write_bytes(gzip.compress(line * 100) * 30)  # 180 MB of 6 KB
    with pytest.raises(UserError, match="it holds more than 134217728 bytes"):
        manifest.read_split(data, "train")
    path.write_bytes(whole)
    sidecar = data / "items/Track00001-mix.json"
    for content in (b"[" * 100_000, b"[]", b"1", b'"' + b"x" * (1 << 24) + b'"'):
        sidecar.write_bytes(content)
        assert any("Track00001-mix.json is missing or torn" in fault for fault in check(data))


@pytest.mark.parametrize(
    ("name", "value"), [("caption_command", "touch victim"), ("caption_url", "http://x"), ("out", "/"), ("root", "/")]
)
def test_settings_that_no_build_records_are_refused(data: Path, name: str, value: str) -> None:
    rewrite(data / "dataset.json", lambda values: values["settings"].update({name: value}))
    with pytest.raises(UserError, match=f"names {name}, which no build records"):
        recorded(data, 1)


def test_show_prints_nothing_that_a_terminal_obeys(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = "calm\x1b]0;owned\x07\x1b[2J\r\u202e\u2028music \u00e9"
    rewrite(data / "items/Track00001-mix.json", lambda values: values.update(caption=text, key="C\x9b31m"))
    assert main(["show", str(data), "Track00001-mix"]) == 0
    out = capsys.readouterr().out
    assert all(line.isprintable() for line in out.split("\n"))
    assert r"calm\x1b]0;owned\x07\x1b[2J\r\u202e\u2028music é" in out and r"C\x9b31m" in out


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        '{"source_root": 1, "settings": {}}',
        '{"source_root": "\\u0000"}',
        '{"source_root": "x", "settings": {"policy": [1]}}',
        '{"source_root": "x", "settings": {"policy": 1}}',
    ],
)
def test_a_hostile_dataset_json_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "dataset.json").write_text(content)
    with pytest.raises(UserError, match="build the data set again"):
        manifest.read_origin(tmp_path)
    (tmp_path / "dataset.json").unlink()
    (tmp_path / "dataset.json").symlink_to("/dev/zero")
    with pytest.raises(UserError, match="it is no regular file"):
        manifest.read_origin(tmp_path)

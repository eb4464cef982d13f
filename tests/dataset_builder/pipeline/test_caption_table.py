"""A build whose captions come from a table: an edited line is followed, one that is missing is listed."""

import json
from pathlib import Path

from dataset_builder.__main__ import main
from dataset_builder.dataset import manifest
from dataset_builder.items.item import Item


def items(out: Path) -> list[Item]:
    return [item for split in manifest.SPLITS for item in manifest.load(out, split)]


def test_an_edited_line_of_a_table_is_followed(tiny_slakh: Path, tmp_path: Path) -> None:
    table, out = tmp_path / "table.jsonl", tmp_path / "out"
    build = ["build", "--source", "slakh", "--root", str(tiny_slakh), "--out", str(out), "--workers", "1",
             "--captions", "table", "--caption-table", str(table), "--submixes", "0"]  # fmt: skip
    table.write_text(json.dumps({"item": "Track00001-mix", "caption": "Slow."}) + "\n")
    assert main(build) == 0
    stamp = (out / "tracks" / "Track00002.json").stat().st_mtime_ns
    table.write_text(json.dumps({"item": "Track00001-mix", "caption": "Fast."}) + "\n")
    assert main(build) == 0 and main(["check", str(out)]) == 0
    assert {item.caption for item in items(out)} == {"Fast.", None}
    assert (out / "tracks" / "Track00002.json").stat().st_mtime_ns == stamp, "no track is read again for want of a line"


def test_a_data_set_with_captions_from_a_table(tiny_slakh: Path, tmp_path: Path) -> None:
    table, out = tmp_path / "table.jsonl", tmp_path / "out"
    table.write_text(json.dumps({"item": "Track00001-mix", "caption": "Slow strings."}) + "\n")
    arguments = ["build", "--source", "slakh", "--root", str(tiny_slakh), "--out", str(out), "--workers", "1",
                 "--captions", "table", "--caption-table", str(table)]  # fmt: skip
    assert main(arguments) == 0
    found = {item.id: item for item in items(out)}
    assert found["Track00001-mix"].caption == "Slow strings." and found["Track00001-S00"].caption is None
    assert (out / "left_out.jsonl").read_text().count("table.jsonl has no line of it") == len(found) - 1
    table.write_text("".join(json.dumps({"item": name, "caption": "Slow."}) + "\n" for name in found))
    assert main(arguments) == 0  # what was missing is read again
    assert {item.caption for item in items(out)} == {"Slow."}

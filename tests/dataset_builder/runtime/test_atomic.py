"""Files are there whole or not at all, and equal values make equal bytes."""

import gzip
import json

import pytest

from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    atomic.write_text(path, "old")

    def fail():
        with atomic.replacing(path) as temporary:
            temporary.write_text("half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_in_a_files_place_is_one_line(tmp_path):
    path = tmp_path / "a.json"
    path.mkdir()
    with pytest.raises(UserError, match=r"a\.json is a folder, expected a file: remove it"):
        atomic.write_text(path, "new")
    assert list(tmp_path.iterdir()) == [path] and path.is_dir()


def test_what_a_killed_process_left_is_removed_where_it_is_said(tmp_path):
    for name in (".a.0123abcd.tmp.json", "items/x/.b.jsonl.0123abcd.tmp.gz", "store/.c.0123abcd.tmp", "items/.hidden",
                 "items/.d.tmp.json", ".e.0123abcd.tmpx"):  # fmt: skip
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    atomic.remove_leftovers(tmp_path, "items", "nowhere")
    left = {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()}
    assert left == {"store/.c.0123abcd.tmp", "items/.hidden", "items/.d.tmp.json", ".e.0123abcd.tmpx"}


def test_json_is_written_whole_in_new_folders(tmp_path):
    atomic.write_json(tmp_path / "x" / "y.json", {"é": 1})
    assert json.loads((tmp_path / "x" / "y.json").read_text()) == {"é": 1}


def test_equal_lines_make_equal_gzip_bytes(tmp_path, monkeypatch):
    atomic.write_json_gz(tmp_path / "a.gz", [{"a": 1}, {"b": 2}])
    monkeypatch.setattr("time.time", lambda: 0.0)
    atomic.write_json_gz(tmp_path / "b.gz", [{"a": 1}, {"b": 2}])
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()
    assert gzip.decompress((tmp_path / "a.gz").read_bytes()).decode().splitlines() == ['{"a": 1}', '{"b": 2}']


def test_a_record_has_a_line_for_each_field(tmp_path):
    record = {"name": 'Für "Elise"', "spans": [[0.0, 1.5], [2.0, 3.0]], "nothing": None}
    atomic.write_record(tmp_path / "a.json", record)
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert json.loads(text) == record and len(text.splitlines()) == 5 and "Für" in text

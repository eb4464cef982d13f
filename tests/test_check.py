import gzip
import json
import shutil

import pytest

from dataset_builder import atomic, manifest
from dataset_builder.check import check
from dataset_builder.errors import UserError


@pytest.fixture
def data(tiny_slakh, tmp_path, make_item):
    """A data set of one virtual item."""
    shutil.copytree(tiny_slakh, tmp_path / "slakh")
    manifest.write_origin(tmp_path, manifest.Origin("slakh", {}))
    item = make_item(duration=6.0, references=(), activity={"S00": ((0.0, 2.0),), "S01": ((0.0, 6.0),)})
    manifest.write_item(tmp_path, item)
    for split in manifest.SPLITS:
        manifest.write_split(tmp_path, split, [item] if split == "train" else [])
    return tmp_path


def change(root, **values):
    path = root / "items" / "Track00001-sub2-1.json"
    atomic.write_json(path, {**json.loads(path.read_text()), **values})


def test_a_whole_data_set_has_no_fault(data):
    assert check(data) == []


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({"duration": 9.0}, "the manifest says duration 6.0, its sidecar 9.0"),
        ({"duration": 9.0}, "lasts 9.00 s, its audio 6.00 s"),
        ({"description": "A violin piece."}, "its description names violin"),
        ({"instruments": []}, "no instruments"),
        ({"activity": {"S00": [[0, 2]]}}, "no activity of S01"),
        ({"activity": {"S00": [[0, 2]], "S01": [[5, 8]]}}, "activity outside"),
        ({"references": [{"item": "Track00009-mix", "melody": 1.0}]}, "its reference Track00009-mix is not an item"),
        ({"split": "valid"}, "is in the manifest of train, its sidecar says valid"),
    ],
)
def test_faults_of_an_item(data, values, fault):
    change(data, **values)
    assert any(fault in line for line in check(data)), check(data)


def test_missing_and_broken_audio(data):
    (data / "slakh" / "train" / "Track00001" / "stems" / "S00.flac").unlink()
    assert any("S00.flac cannot be read as audio" in line for line in check(data))


def test_an_item_in_two_splits(data):
    shutil.copytree(data / "egs" / "train", data / "egs" / "test", dirs_exist_ok=True)
    faults = check(data)
    assert any("stands twice" in line for line in faults) and any("is in train and in test" in line for line in faults)


def test_a_broken_manifest_is_refused(data):
    with gzip.open(data / "egs" / "train" / "data.jsonl.gz", "wt") as file:
        file.write("{}\n")
    with pytest.raises(UserError, match="the data set is broken"):
        check(data)

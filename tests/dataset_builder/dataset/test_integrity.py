"""A whole data set has no fault; what is wrong with one is found, a line each."""

import gzip
import hashlib
import json
import shutil

import pytest
from support.written_items import write_items

from dataset_builder.dataset import manifest
from dataset_builder.dataset.integrity import check
from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic
from dataset_builder.runtime.checksums import digest_of, write_checksums

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture
def data(tiny_slakh, tmp_path, make_item):
    """A data set of one virtual item."""
    shutil.copytree(tiny_slakh, tmp_path / "slakh")
    manifest.write_origin(tmp_path, manifest.Origin("slakh", {}))
    item = make_item(duration=6.0, references=(), activity={"S00": ((0.0, 2.0),), "S01": ((0.0, 6.0),)})
    write_items(tmp_path, [item])
    return sealed(tmp_path)


def sealed(root):
    """Record the hashes of what is there, as a build does at its end."""
    paths = [*root.glob("egs/*/*"), *root.glob("items/*.json")]
    write_checksums(root / "SHA256SUMS", {str(path.relative_to(root)): digest_of(path) for path in paths})
    return root


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


def test_a_sidecar_of_other_bytes(data):
    change(data, title="Another")
    assert check(data) == ["Track00001-sub2-1: its sidecar is not what was written"]


def test_files_that_are_missing_torn_or_too_many(data):
    (data / "items" / "Track00001-sub2-1.json").write_text("{")
    (data / "items" / "Other.json").write_text("{}")
    (data / "egs" / "test" / "data.jsonl.gz").unlink()
    faults = " ".join(check(data))
    for fault in ("Track00001-sub2-1.json is missing or torn", "items/Other.json is not of this data set",
                  "egs/test/data.jsonl.gz is missing", "no split 'test'"):  # fmt: skip
        assert fault in faults


@pytest.mark.parametrize("sums", [None, "torn", "00  ../../kept", "00  /etc/kept", "00  items/../../kept"])
def test_a_data_set_that_is_not_finished_is_refused(data, sums):
    (data / "SHA256SUMS").unlink()
    if sums:
        (data / "SHA256SUMS").write_text(sums)
    with pytest.raises(UserError, match=r"run (its|the) build again"):
        check(data)


def test_missing_and_broken_audio(data):
    (data / "slakh" / "train" / "Track00001" / "stems" / "S00.flac").unlink()
    assert any("S00.flac cannot be read as audio" in line for line in check(data))


def test_an_item_in_two_splits(data):
    shutil.copytree(data / "egs" / "train", data / "egs" / "test", dirs_exist_ok=True)
    faults = check(data)
    assert any("stands twice" in line for line in faults) and any("is in train and in test" in line for line in faults)


def test_a_broken_manifest(data):
    with gzip.open(data / "egs" / "train" / "data.jsonl.gz", "wt") as file:
        file.write("{}\n")
    assert any("the data set is broken" in line for line in check(data))
    with pytest.raises(UserError, match="the data set is broken"):
        manifest.load(data, "train")


def faults_of(root):
    try:
        return check(root)
    except UserError as error:
        return [str(error)]


def test_sums_are_read_by_sha256sum(materialised):
    """The format is coreutils': hash, two blanks, path."""
    for line in (materialised / "SHA256SUMS").read_text().splitlines():
        digest, name = line[:64], line[66:]
        assert line[64:66] == "  " and hashlib.sha256((materialised / name).read_bytes()).hexdigest() == digest

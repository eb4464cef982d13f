"""What is torn or missing in a finished data set is found, and made again to the same bytes."""

import numpy as np
import pytest

from dataset_builder.build.pipeline import build
from dataset_builder.build.repair import repair
from dataset_builder.build.settings import BuildSettings
from dataset_builder.dataset import manifest
from dataset_builder.dataset.integrity import check
from dataset_builder.dataset.materialise import materialise
from dataset_builder.errors import UserError

pytestmark = pytest.mark.usefixtures("in_this_process")


@pytest.fixture
def finished(tiny_slakh, tmp_path):
    """A data set that is materialised."""
    root = tmp_path / "data"
    build(BuildSettings("slakh", root, tiny_slakh, captions="none"))
    materialise(root)
    return root


def test_what_is_torn_or_missing_is_found_and_repaired_when_told_to(finished):
    whole = {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()}
    assert check(finished) == []
    for name in ("items/Track00001-sub2-1.flac", "items/Track00001-sub2-2.json", "tracks/Track00003.json"):
        (finished / name).write_bytes((finished / name).read_bytes()[:90])
    for name in ("items/Track00002-mix.json", "items/Track00001-sub3-1.flac", "items/Track00001-S00.flac",
                 "report.html"):  # fmt: skip
        (finished / name).unlink()
    (finished / "left_out.jsonl").write_text("torn")
    faults = check(finished)
    for name in (
        "items/Track00001-sub2-1.flac is not", "sub2-2.json is missing or torn", "tracks/Track00003.json is not",
        "Track00002-mix.json is missing or torn", "sub3-1.flac is missing", "S00.flac is missing",
        "report.html is missing", "left_out.jsonl is not what was written",
    ):  # fmt: skip
        assert any(name in fault for fault in faults), (name, faults)
    assert (finished / "left_out.jsonl").read_text() == "torn", "a check changes nothing"
    repair(finished)
    assert check(finished) == []
    assert {path: path.read_bytes() for path in finished.rglob("*") if path.is_file()} == whole


@pytest.mark.parametrize("seed", range(12))
def test_one_changed_bit_anywhere_is_found_and_repaired(finished, seed):
    """But for dataset.json, which says where the source is and may change."""
    rng = np.random.default_rng(seed)
    paths = sorted(path for path in finished.rglob("*") if path.is_file() and not path.is_symlink())
    paths = [path for path in paths if path.name not in (".lock", "dataset.json")]
    path = paths[rng.integers(len(paths))]
    whole = path.read_bytes()
    torn = bytearray(whole)
    torn[rng.integers(len(torn))] ^= 1 << int(rng.integers(8))
    path.write_bytes(torn)
    assert faults_of(finished), path
    repair(finished)
    assert path.read_bytes() == whole and faults_of(finished) == []


def faults_of(root):
    try:
        return check(root)
    except UserError as error:
        return [str(error)]


def test_a_materialised_set_that_moved_is_found_and_repaired(finished, tmp_path):
    moved = finished.rename(tmp_path / "elsewhere")
    assert [fault.partition(" ")[0] for fault in check(moved)] == [
        f"files/{split}/data.jsonl.gz" for split in manifest.SPLITS
    ]
    repair(moved)
    assert check(moved) == []

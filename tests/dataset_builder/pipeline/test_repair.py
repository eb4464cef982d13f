"""What is torn or missing in a materialised data set is found, and made again to the same bytes."""

import numpy as np
import pytest

from dataset_builder.dataset import manifest
from dataset_builder.dataset.integrity import check
from dataset_builder.errors import UserError
from dataset_builder.pipeline.repair import repair

pytestmark = pytest.mark.usefixtures("in_this_process")


def test_what_is_torn_or_missing_is_found_and_repaired_when_told_to(materialised):
    whole = {path: path.read_bytes() for path in materialised.rglob("*") if path.is_file()}
    assert check(materialised) == []
    for name in ("items/Track00001-sub2-1.flac", "items/Track00001-sub2-2.json", "tracks/Track00003.json"):
        (materialised / name).write_bytes((materialised / name).read_bytes()[:90])
    for name in ("items/Track00002-mix.json", "items/Track00001-sub3-1.flac", "items/Track00001-S00.flac",
                 "report.html"):  # fmt: skip
        (materialised / name).unlink()
    (materialised / "left_out.jsonl").write_text("torn")
    faults = check(materialised)
    for name in (
        "items/Track00001-sub2-1.flac is not", "sub2-2.json is missing or torn", "tracks/Track00003.json is not",
        "Track00002-mix.json is missing or torn", "sub3-1.flac is missing", "S00.flac is missing",
        "report.html is missing", "left_out.jsonl is not what was written",
    ):  # fmt: skip
        assert any(name in fault for fault in faults), (name, faults)
    assert (materialised / "left_out.jsonl").read_text() == "torn", "a check changes nothing"
    repair(materialised)
    assert check(materialised) == []
    assert {path: path.read_bytes() for path in materialised.rglob("*") if path.is_file()} == whole


@pytest.mark.parametrize("seed", range(12))
def test_one_changed_bit_anywhere_is_found_and_repaired(materialised, seed):
    """But for dataset.json, which says where the source is and may change."""
    rng = np.random.default_rng(seed)
    paths = sorted(path for path in materialised.rglob("*") if path.is_file() and not path.is_symlink())
    paths = [path for path in paths if path.name not in (".lock", "dataset.json")]
    path = paths[rng.integers(len(paths))]
    whole = path.read_bytes()
    torn = bytearray(whole)
    torn[rng.integers(len(torn))] ^= 1 << int(rng.integers(8))
    path.write_bytes(torn)
    assert faults_of(materialised), path
    repair(materialised)
    assert path.read_bytes() == whole and faults_of(materialised) == []


def faults_of(root):
    try:
        return check(root)
    except UserError as error:
        return [str(error)]


def test_a_materialised_set_that_moved_is_found_and_repaired(materialised, tmp_path):
    moved = materialised.rename(tmp_path / "elsewhere")
    assert [fault.partition(" ")[0] for fault in check(moved)] == [
        f"files/{split}/data.jsonl.gz" for split in manifest.SPLITS
    ]
    repair(moved)
    assert check(moved) == []

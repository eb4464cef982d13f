"""A plan counts from metadata what a build will make, and what Slakh2100 and the paper have."""

import json
import shutil

from dataset_builder.__main__ import main
from dataset_builder.dataset import manifest
from dataset_builder.items.plan import plan_folder, plan_published
from dataset_builder.pipeline.build import build
from dataset_builder.pipeline.settings import BuildSettings
from dataset_builder.sources.slakh_index import omitted_tracks, published


def test_redux_gives_the_published_counts():
    """The index's own: 1289 / 270 / 151 tracks, 13546 / 2833 / 1539 rendered stems (mirdata 0.3.8)."""
    plan = plan_published("redux", 3)
    assert plan.tracks == {"train": 1289, "valid": 270, "test": 151}
    assert [plan.items[split]["stem"] for split in plan.tracks] == [13546, 2833, 1539]
    assert [plan.total(split) for split in plan.tracks] == [26436, 5533, 3049]


def test_the_original_has_what_redux_omits():
    plan = plan_published("original", 3)
    assert plan.tracks == {"train": 1500, "valid": 375, "test": 225}
    assert len(omitted_tracks()) == 390 == len(published("original")) - len(published("redux"))


def test_the_real_first_track_is_as_published():
    track = published("redux")[0]
    assert track.id == "Track00001" and track.split == "train"
    assert track.stems == tuple(f"S{n:02d}" for n in (0, 1, 2, 3, 4, 5, 7, 8, 9, 10))


def test_a_folder_is_planned_as_it_is_built(tiny_slakh, tmp_path):
    for grouping in ("stem", "class", "family"):
        plan = plan_folder(tiny_slakh, 2, grouping)
        out = tmp_path / grouping
        build(BuildSettings("slakh", out, tiny_slakh, submixes=2, grouping=grouping, captions="none", workers=1))
        built = {split: len(manifest.load(out, split)) for split in manifest.SPLITS}
        assert built == {split: plan.total(split) for split in manifest.SPLITS}


def test_broken_metadata_is_named_and_not_counted(tiny_slakh, tmp_path):
    root = shutil.copytree(tiny_slakh, tmp_path / "slakh")
    (root / "train/Track00001/metadata.yaml").write_text("- a list")
    plan = plan_folder(root, 3)
    assert plan.tracks["train"] == 0 and len(plan.unreadable) == 1 and "Track00001" in plan.text()


def test_every_source_is_planned(tiny_slakh, tmp_path, capsys):
    """A flat folder, as BabySlakh's; the embedded corpus in its data set's folder; the original as redux has it."""
    flat, original = tmp_path / "flat", tmp_path / "original"
    for number in range(1, 6):
        shutil.copytree(tiny_slakh / "test/Track00003", flat / f"Track{number:05d}")
    assert main(["plan", "--root", str(flat), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tracks"] == {"train": 3, "valid": 1, "test": 1}
    shutil.copytree(tiny_slakh, tmp_path / "nano/slakh")
    for root in ("nano", "nano/slakh"):
        assert main(["plan", "--root", str(tmp_path / root), "--source", "nano", "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["tracks"] == {"train": 1, "valid": 1, "test": 1}
    for name in ("Track00001", min(omitted_tracks())):
        shutil.copytree(tiny_slakh / "train/Track00001", original / "train" / name)
    assert main(["plan", "--root", str(original), "--omitted", "redux"]) == 0
    assert "not counted: 1 tracks that redux omits" in capsys.readouterr().out


def test_the_command(tiny_slakh, tmp_path, capsys):
    assert main(["plan"]) == 0
    assert "26436" in capsys.readouterr().out
    assert main(["plan", "--root", str(tiny_slakh), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["tracks"]["train"] == 1
    for mistake in (
        ["--root", str(tmp_path / "no")],
        ["--submixes", "-1"],
        ["--grouping", "class"],
        ["--source", "stems"],
    ):
        assert main(["plan", *mistake]) == 2
        assert capsys.readouterr().err.startswith("error: ")

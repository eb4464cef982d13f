"""Links in a data set's source are followed as far as its build followed them."""

import shutil
from pathlib import Path

import pytest

from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import audio_files, read_excerpt
from dataset_builder.dataset.integrity import check
from dataset_builder.dataset.materialise import materialise
from dataset_builder.errors import UserError
from dataset_builder.items.item import Item
from dataset_builder.pipeline.build import build
from dataset_builder.pipeline.settings import BuildSettings

pytestmark = pytest.mark.usefixtures("in_this_process")
STEM = "train/Track00001/stems/S00.flac"


@pytest.fixture
def data(tiny_slakh: Path, tmp_path: Path) -> Path:
    shutil.copytree(tiny_slakh, tmp_path / "slakh")
    build(BuildSettings("slakh", tmp_path / "data", tmp_path / "slakh", captions="none", workers=1))
    return tmp_path / "data"


def stem_of(data: Path) -> Item:
    return next(item for item in manifest.load(data, "train") if item.id == "Track00001-S00")


def test_a_link_out_of_the_source_is_not_followed(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    item, source = stem_of(data), data.parent / "slakh"
    (source / STEM).rename(data.parent / "private.flac")
    (source / STEM).symlink_to(data.parent / "private.flac")
    for read in (
        lambda: read_excerpt(item, data, 0.0, 1.0, 16_000), lambda: audio_files(item, data),
        lambda: materialise(data, 1),
    ):  # fmt: skip
        with pytest.raises(UserError, match=r"S00\.flac is a link to .*private\.flac, out of the source: if it is"):
            read()
    assert any("Track00001-S00: " in fault and "out of the source" in fault for fault in check(data))
    assert not (data / "items/Track00001-S00.flac").exists()
    monkeypatch.setenv(manifest.SOURCE_VARIABLE, str(source))
    assert read_excerpt(item, data, 0.0, 1.0, 16_000).any()


def test_links_that_the_build_followed_are_followed(tiny_slakh: Path, tmp_path: Path) -> None:
    source, out = Path(shutil.copytree(tiny_slakh, tmp_path / "slakh")), tmp_path / "data"
    (source / STEM).rename(tmp_path / "kept.flac")
    (source / STEM).symlink_to(tmp_path / "kept.flac")
    build(BuildSettings("slakh", out, source, captions="none", workers=1, policy=("link-out=use",)))
    assert read_excerpt(stem_of(out), out, 0.0, 1.0, 16_000).any() and check(out) == []


@pytest.mark.parametrize("folder", ["train/Track00001", "train"])
def test_links_within_the_source_and_tracks_that_are_links_are_followed(data: Path, folder: str) -> None:
    item, source = stem_of(data), data.parent / "slakh"
    (source / STEM).rename(source / "test/kept.flac")
    (source / STEM).symlink_to(source / "test/kept.flac")
    assert read_excerpt(item, data, 0.0, 1.0, 16_000).any()
    (source / STEM).unlink()
    (source / "test/kept.flac").rename(source / STEM)
    (source / folder).rename(data.parent / "disk 2")
    (source / folder).symlink_to(data.parent / "disk 2")
    assert read_excerpt(item, data, 0.0, 1.0, 16_000).any() and check(data) == []

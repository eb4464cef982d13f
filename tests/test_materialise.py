"""Materialised items train stock audiocraft: its own MusicDataset reads them, with every field."""

import shutil

import numpy as np
import pytest
import soundfile

import orchestrator_solver  # noqa: F401  closes audiocraft's seams before it is imported
from dataset_builder import manifest
from dataset_builder.errors import UserError
from dataset_builder.excerpt import read_excerpt
from dataset_builder.materialise import audio_path, materialise


@pytest.fixture
def data(tiny_slakh, tmp_path, make_item):
    """A data set of a mix and a submix of the tiny source, which is in it."""
    shutil.copytree(tiny_slakh, tmp_path / "slakh")
    manifest.write_origin(tmp_path, manifest.Origin("slakh", {}))
    common = {"duration": 6.0, "sample_rate": 22_050, "description": "A calm piece."}
    mix = make_item(id="Track00001-mix", kind="mix", audio="train/Track00001/mix.flac", **common)
    items = [make_item(**common), mix]
    for item in items:
        manifest.write_item(tmp_path, item)
    for split in manifest.SPLITS:
        manifest.write_split(tmp_path, split, items if split == "train" else [])
    materialise(tmp_path)
    return tmp_path, items


def test_stock_audiocraft_reads_audio_and_every_field(data):
    from audiocraft.data.music_dataset import MusicDataset

    root, _ = data
    dataset = MusicDataset.from_meta(
        root / "files" / "train", segment_duration=1.0, sample_rate=22_050, channels=1, num_samples=8,
        info_fields_required=True,
    )  # fmt: skip
    seen = {}
    for index in range(8):
        wav, info = dataset[index]
        assert wav.shape == (1, 22_050)
        seen[info.name] = (info.instrument, info.description, info.bpm, info.key)
    assert set(seen.values()) == {("violin, drums", "A calm piece.", 80.0, "c major")} and len(seen) == 2


def test_a_submix_is_written_as_it_is_read(data):
    root, items = data
    written, rate = soundfile.read(audio_path(root, items[0].id), dtype="float32")
    assert rate == 22_050
    assert np.abs(written - read_excerpt(items[0], root, 0.0, 6.0, 22_050)).max() <= 2**-16  # drums at half gain


def test_what_is_there_is_kept_and_links_that_lead_nowhere_are_made_again(data):
    root, items = data
    written, link = (audio_path(root, item.id) for item in items)
    stamp = written.stat().st_mtime_ns
    assert link.is_symlink()
    shutil.move(root / "slakh", root / "moved")
    with pytest.raises(UserError, match=r"mix\.flac is missing"):
        materialise(root)
    manifest.relocate(root, root / "moved")
    materialise(root)
    assert link.resolve() == (root / "moved" / "train" / "Track00001" / "mix.flac").resolve()
    assert written.stat().st_mtime_ns == stamp

"""One real track of Slakh2100, rendered here, through the same build as any other; optional."""

import shutil

import pytest

from dataset_builder.dataset import manifest
from dataset_builder.dataset.integrity import check
from dataset_builder.nano.corpus import render_track
from dataset_builder.pipeline.build import build
from dataset_builder.pipeline.settings import BuildSettings

STEMS = ["S00", "S01", "S02", "S03", "S04", "S05", "S07", "S08", "S09", "S10"]  # S06 was never rendered


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Unable to decode lyrics")
def test_the_real_track_goes_through_unchanged(real_track, tmp_path):
    import music21

    folder = tmp_path / "slakh" / "train" / "Track00001"
    shutil.copytree(real_track, folder, copy_function=shutil.copyfile)
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    render_track(folder)
    build(BuildSettings("slakh", tmp_path / "out", tmp_path / "slakh", captions="none", workers=1))
    items = manifest.load(tmp_path / "out", "train")
    assert [item.id[11:] for item in items if item.kind == "stem"] == STEMS
    assert [stem.id for stem in items[0].stems] == STEMS and len(items) == 1 + 10 + 9
    assert round(items[0].bpm) == 80
    assert items[0].key == music21.converter.parse(folder / "all_src.mid").analyze("key").name
    assert check(tmp_path / "out") == []

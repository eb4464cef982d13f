"""Materialised items train stock audiocraft: its own MusicDataset reads them, with every field."""

import json
import os
import shutil
import subprocess
import sys
import tarfile

import numpy as np
import pytest
import soundfile
from support.killing import tree
from support.written_items import write_items

import orchestrator_solver  # noqa: F401  closes audiocraft's seams before it is imported
from dataset_builder.__main__ import main
from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import read_excerpt
from dataset_builder.dataset.integrity import check
from dataset_builder.dataset.materialise import audio_path, materialise, materialise_shard, part_path
from dataset_builder.errors import UserError
from dataset_builder.pipeline.build import build
from dataset_builder.pipeline.cluster_jobs import Launch, launch_materialise
from dataset_builder.pipeline.settings import BuildSettings
from dataset_builder.runtime import locks, process_pool
from dataset_builder.runtime.shards import Shard
from orchestrator_solver.paths import PROJECT

ARCHIVE = PROJECT / ".cache" / "audiocraft-1.3.0.tar.gz"


@pytest.fixture
def data(tiny_slakh, tmp_path, make_item):
    """A data set of a mix and a submix of the tiny source, which is in it."""
    shutil.copytree(tiny_slakh, tmp_path / "slakh")
    manifest.write_origin(tmp_path, manifest.Origin("slakh", {}))
    common = {"duration": 6.0, "sample_rate": 22_050, "description": "A calm piece."}
    mix = make_item(id="Track00001-mix", kind="mix", audio="train/Track00001/mix.flac", **common)
    items = [make_item(**common), mix]
    write_items(tmp_path, items)
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


def test_stock_audiocraft_builds_loaders_of_all_splits(materialised):
    """By its own builder, with the `dataset` settings of its own solver/default.yaml and musicgen/default.yaml."""
    from audiocraft.solvers.builders import DatasetType, get_audio_datasets
    from omegaconf import OmegaConf

    folder = materialised / "files"
    cfg = OmegaConf.create({
        "sample_rate": 22_050, "channels": 1, "seed": 2036, "optim": {"updates_per_epoch": 2}, "solver": "musicgen",
        "datasource": {"max_sample_rate": 44_100, "max_channels": 2, "train": f"{folder}/train",
                       "valid": f"{folder}/valid", "evaluate": f"{folder}/test", "generate": f"{folder}/test"},
        "dataset": {
            "batch_size": 4, "num_workers": 0, "segment_duration": 3.0, "min_segment_ratio": 0.8, "num_samples": None,
            "return_info": True, "shuffle": False, "sample_on_duration": True, "sample_on_weight": True,
            "train": {"num_samples": 8, "shuffle": True, "shuffle_seed": 0, "permutation_on_files": False},
            "valid": {"num_samples": 4}, "evaluate": {"num_samples": 4},
            "generate": {"num_samples": 4, "return_info": True},
        },
    })  # fmt: skip
    loaders = get_audio_datasets(cfg, DatasetType.MUSIC)
    assert set(loaders) == {"train", "valid", "evaluate", "generate"}
    for loader in loaders.values():
        for wavs, infos in loader:
            assert wavs.shape == (4, 1, 66_150) and wavs.abs().max() > 0
            assert all(info.description and info.instrument and info.to_condition_attributes() for info in infos)


@pytest.fixture
def materialised(tiny_slakh, tmp_path):
    """A built data set, materialised: 3 tracks, one a split."""
    build(BuildSettings("slakh", tmp_path / "data", tiny_slakh, captions="none"))
    materialise(tmp_path / "data")
    return tmp_path / "data"


# audiocraft's own train.py, whose configuration lies beside it in the source archive, in the place of our stand-in.
STOCK_TRAIN = """
import importlib.util, sys
import orchestrator_solver
spec = importlib.util.spec_from_file_location("audiocraft.train", sys.argv.pop(1))
module = sys.modules["audiocraft.train"] = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
module.main()
"""


@pytest.mark.slow
def test_stock_audiocraft_trains_on_it(materialised, tmp_path):
    """audiocraft's train.py and its solver/musicgen/debug.yaml: all four stages, on a model small enough for a test."""
    archive = ARCHIVE if ARCHIVE.is_file() else pytest.skip("audiocraft's configuration: run make audiocraft-tests")
    with tarfile.open(archive) as file:
        file.extractall(tmp_path, filter="data")
    source, folder = tmp_path / "audiocraft-1.3.0", materialised / "files"
    done = subprocess.run(
        [sys.executable, "-c", STOCK_TRAIN, str(source / "audiocraft" / "train.py"), "solver=musicgen/debug",
         "device=cpu", f"datasource.train={folder}/train", f"datasource.valid={folder}/valid",
         f"datasource.evaluate={folder}/test", f"datasource.generate={folder}/test", "optim.epochs=1",
         "optim.updates_per_epoch=2", "dataset.num_workers=0", "dataset.batch_size=2", "dataset.segment_duration=2",
         "dataset.train.num_samples=8", "dataset.valid.num_samples=4", "dataset.evaluate.num_samples=2",
         "dataset.generate.num_samples=2", "generate.every=1", "evaluate.every=1", "logging.log_tensorboard=false",
         "transformer_lm.dim=16", "transformer_lm.num_heads=2", "transformer_lm.num_layers=1",
         "conditioners.description.model=lut", "+conditioners.description.lut.n_bins=64",  # T5 wants a download
         "+conditioners.description.lut.dim=16", "+conditioners.description.lut.tokenizer=noop"],
        env={**os.environ, "AUDIOCRAFT_DORA_DIR": str(tmp_path / "dora"), "USER": "tester",
             "AUDIOCRAFT_CONFIG": str(source / "config" / "teams" / "default.yaml")},
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    history = json.loads(next((tmp_path / "dora").glob("xps/*/history.json")).read_text())
    assert set(history[0]) == {"train", "valid", "evaluate", "generate"}
    assert 0 < history[0]["train"]["ce"] < 100
    assert list((tmp_path / "dora").rglob("*.wav"))


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


@pytest.fixture
def built(tiny_slakh, tmp_path, in_this_process):
    """A data set that is not materialised, and another one like it that is, by one process."""
    for name in ("shards", "whole"):
        build(BuildSettings("slakh", tmp_path / name, tiny_slakh, captions="none", workers=1))
    materialise(tmp_path / "whole")
    return tmp_path / "shards", tmp_path / "whole"


def test_shards_write_what_one_process_writes(built, monkeypatch):
    out, whole = built
    for shard in (Shard(2, 2), Shard(1, 2)):
        assert not part_path(out, shard).exists()
        assert materialise_shard(out, shard) > 0
    with monkeypatch.context() as patch:
        patch.setattr("dataset_builder.dataset.materialise.write_sums", None)  # nothing is left to be summed
        materialise(out)
    assert tree(out) == tree(whole) and check(out) == []
    assert locks.shards(out) == [] and not part_path(out, Shard(1, 2)).parent.exists()


def test_a_shard_that_was_stopped_goes_on(built, monkeypatch):
    """Its first track is not written again, nor is what a shard of another division has finished."""
    out, whole = built
    real, tracks = process_pool.parallel_map, []

    def stop_after_one(function, jobs, *args):
        tracks.append(len(jobs))
        real(function, jobs[:1], *args)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("dataset_builder.dataset.materialise.parallel_map", stop_after_one)
        with pytest.raises(KeyboardInterrupt):
            materialise_shard(out, Shard(1, 1))
    assert not part_path(out, Shard(1, 1)).exists()
    stamps = {path: path.stat().st_mtime_ns for path in out.glob("items/*.flac")}
    assert tracks == [3] and stamps
    materialise_shard(out, Shard(1, 2))
    materialise(out)
    assert all(path.stat().st_mtime_ns == stamp for path, stamp in stamps.items())
    assert tree(out) == tree(whole)


def test_a_shard_is_told_what_to_do_next(built, capsys):
    out, _ = built
    assert main(["materialise", str(out), "--shard", "1/2"]) == 0
    assert f"when all are done: python -m dataset_builder materialise {out}" in capsys.readouterr().out
    for mistake in (
        ["--shard", "3/2"],
        ["--shard", "1/2", "--launcher", "local"],
        ["--launcher", "local", "--shards", "0"],
    ):
        assert main(["materialise", str(out), *mistake]) == 2
        assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.slow
def test_jobs_write_what_one_process_writes(tiny_slakh, tmp_path):
    for name in ("jobs", "whole"):
        build(BuildSettings("slakh", tmp_path / name, tiny_slakh, captions="none", workers=1))
    materialise(tmp_path / "whole")
    launch_materialise(tmp_path / "jobs", 1, Launch("local", shards=2, poll=0.1))
    assert tree(tmp_path / "jobs") == tree(tmp_path / "whole") and not list((tmp_path / "jobs").glob(".jobs*"))

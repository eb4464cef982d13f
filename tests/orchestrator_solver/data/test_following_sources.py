"""The store follows the data set as that follows its source: what changed is computed anew, and refused until then.

Every byte of the audio counts, and is read once: what is read is kept beside its size and time for the next process.
"""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
from omegaconf import OmegaConf

from dataset_builder.dataset import freshness, manifest
from dataset_builder.errors import UserError
from dataset_builder.pipeline.build import build
from dataset_builder.pipeline.settings import BuildSettings
from orchestrator_solver.features.feature_store import contents_of
from orchestrator_solver.features.store_reader import StoreReader
from orchestrator_solver.precompute.encoders import FrozenEncoders
from orchestrator_solver.precompute.fill_store import fill
from orchestrator_solver.weights import package


@pytest.fixture(scope="module")
def encoders(tiny_models: Path) -> FrozenEncoders:
    cfg = package.load(str(tiny_models), "lm").cfg
    return FrozenEncoders.of_config(OmegaConf.merge(cfg, {"device": "cpu"}))


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A track of one's own, as WAV files."""
    wav = 0.1 * np.sin(np.arange(64_000) / 10)
    for name in ("violin", "cello"):
        (tmp_path / "songs/One").mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / f"songs/One/{name}.wav", wav, 16_000)
    (tmp_path / "songs/One/track.yaml").write_text("split: valid")
    return tmp_path / "songs/One"


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files that are read whole from now on."""
    names: list[str] = []
    digest_of = freshness.digest_of

    def counted(path: Path) -> str:
        names.append(path.name)
        return digest_of(path)

    monkeypatch.setattr(freshness, "digest_of", counted)
    return names


def build_songs(song: Path, out: Path) -> Path:
    build(BuildSettings("stems", out, song.parent, captions="none", workers=1))
    return out


def contents(data: Path) -> dict[str, str]:
    return contents_of(data, manifest.load(data, "valid"))


def flip_middle(path: Path) -> None:
    """Change one sample in the middle: neither the file's size nor its ends."""
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 64
    path.write_bytes(data)


def test_a_stem_that_changed_is_built_and_prepared_alone(
    encoders: FrozenEncoders, tiny_slakh: Path, tmp_path: Path
) -> None:
    source = Path(shutil.copytree(tiny_slakh, tmp_path / "slakh"))
    settings = BuildSettings("slakh", tmp_path / "data", source, captions="none", workers=1)
    build(settings)
    fill(settings.out, encoders, workers=0)
    folder = encoders.store(settings.out).folder
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    stems = source / "train/Track00001/stems"
    shutil.copy(stems / "S00.flac", stems / "S03.flac")
    build(settings)
    items = [item for split in manifest.SPLITS for item in manifest.load(settings.out, split)]
    reader = StoreReader(settings.out, encoders.identity(1.6))
    with pytest.raises(UserError, match=r"lacks 1 of 3 tracks, such as Track00001, .*run `orchestrator prepare`"):
        reader.require(items)
    assert fill(settings.out, encoders, workers=0).made == sum(item.track == "Track00001" for item in items)
    reader.require(items)
    after = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert [name for name in after if after[name] != before[name]] == ["Track00001.safetensors"]


def test_every_byte_of_a_file_counts_and_is_read_once(song: Path, tmp_path: Path, read: list[str]) -> None:
    data = build_songs(song, tmp_path / "data")
    read.clear()
    before = contents(data)
    assert read == [], "the build has read it"
    os.utime(song / "violin.wav")
    assert contents(data) == before and read == ["violin.wav"]
    assert contents(data) == before and len(read) == 1, "what was read is kept with its time"
    flip_middle(song / "cello.wav")
    after = contents(data)
    assert {name for name in before if after[name] != before[name]} == {"One-mix", "One-cello", "One-sub2-1"}


def test_a_change_that_a_store_has_met_is_still_met_by_the_next_build(song: Path, tmp_path: Path) -> None:
    data = build_songs(song, tmp_path / "data")
    kept = (data / ".sources/One.json").read_bytes()
    flip_middle(song / "cello.wav")
    contents(data)
    assert (data / ".sources/One.json").read_bytes() == kept
    build_songs(song, data)
    assert (data / ".sources/One.json").read_bytes() != kept


@pytest.mark.parametrize("writable", [True, False])
def test_a_data_set_that_was_shared_without_records_is_read_once(
    song: Path, tmp_path: Path, read: list[str], writable: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or each time, if nothing may be written there."""
    data = build_songs(song, tmp_path / "data")
    before = contents(data)
    shutil.rmtree(data / ".sources")
    if not writable:
        monkeypatch.setattr(freshness, "write_record", refused)
    read.clear()
    for _ in range(2):
        assert contents(data) == before
    assert len(read) == (3 if writable else 6)


def refused(*_: object) -> None:
    raise PermissionError


def test_a_file_that_is_missing_is_one_line(song: Path, tmp_path: Path) -> None:
    data = build_songs(song, tmp_path / "data")
    (song / "cello.wav").unlink()
    with pytest.raises(UserError, match=r"One/cello\.wav cannot be read: expected the source of"):
        contents(data)


@pytest.mark.parametrize(("old", "new"), [('"gain": 1.0', '"gain": 0.5'), ('"duration": 4.0', '"duration": 3.0')])
def test_what_an_entry_depends_on_of_a_sidecar_counts(song: Path, tmp_path: Path, old: str, new: str) -> None:
    data = build_songs(song, tmp_path / "data")
    before = contents(data)
    sidecar = data / manifest.item_path("One-cello")
    sidecar.write_text(sidecar.read_text().replace(old, new))
    after = contents(data)
    assert {name for name in before if after[name] != before[name]} == {"One-cello"}


@pytest.mark.parametrize("settings", [{}, {"source": "tape"}, {"source": ["stems"]}])
def test_a_data_set_of_no_known_source_is_one_line(song: Path, tmp_path: Path, settings: dict) -> None:
    data = build_songs(song, tmp_path / "data")
    origin = json.loads((data / "dataset.json").read_text())
    (data / "dataset.json").write_text(json.dumps({**origin, "settings": settings}))
    with pytest.raises(UserError, match=r"dataset\.json names the source .*, expected one of nano, slakh, stems"):
        contents(data)


def test_files_in_no_folder_of_the_track_are_one_line(song: Path, tmp_path: Path) -> None:
    """As a stranger may write: records are named after tracks, whose names are checked."""
    data = build_songs(song, tmp_path / "data")
    shutil.copytree(song, song.with_name("Two"))
    items = [replace(item, track="Two") for item in manifest.load(data, "valid")]
    with pytest.raises(UserError, match=r"the files of One-\w+ are in .*, expected a folder Two"):
        contents_of(data, items)


def preparing(data: Path) -> None:
    from orchestrator_solver.configuration.overrides import composed
    from orchestrator_solver.precompute.fill_store import fill_for

    fill_for(composed(["solver=orchestrator_nano", f"dset_root={data}"]), workers=0)


def training(data: Path) -> None:
    from orchestrator_solver import train
    from orchestrator_solver.configuration.overrides import composed

    train.get_solver(composed(["solver=orchestrator_nano", f"dset_root={data}"]))


@pytest.mark.parametrize("start", [preparing, training])
def test_an_empty_split_is_refused_in_one_line_with_the_cure(
    song: Path, tmp_path: Path, start: Callable[[Path], None]
) -> None:
    data = build_songs(song, tmp_path / "data")
    with pytest.raises(UserError, match=r"has no items in train, which the stage train reads: say `split: NAME` in"):
        start(data)

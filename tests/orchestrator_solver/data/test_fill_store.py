"""Filling the store: pieces of items, torn and stale tracks, kills, shards and processes."""

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from audiocraft.models.encodec import EncodecModel
from omegaconf import OmegaConf

from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import audio_files
from dataset_builder.errors import UserError
from dataset_builder.items.item import Item
from dataset_builder.runtime import atomic
from dataset_builder.runtime.shards import Shard
from orchestrator_solver import cli
from orchestrator_solver.features.feature_store import Entry, Store
from orchestrator_solver.features.store_reader import StoreReader
from orchestrator_solver.features.text_store import TextStore, bucket_of
from orchestrator_solver.precompute import fill_store
from orchestrator_solver.precompute.encoders import FrozenEncoders
from orchestrator_solver.precompute.fill_store import Prepared, fill
from orchestrator_solver.weights import package


@pytest.fixture(scope="module")
def encoders(tiny_models: Path) -> FrozenEncoders:
    cfg = package.load(str(tiny_models), "lm").cfg
    return FrozenEncoders.of_config(OmegaConf.merge(cfg, {"device": "cpu"}))


@pytest.fixture
def data(tiny_data: Path, tiny_slakh: Path, tmp_path: Path) -> Path:
    """A data set whose source and store are its own."""
    source = shutil.copytree(tiny_slakh, tmp_path / "source")
    root = Path(shutil.copytree(tiny_data, tmp_path / "data", ignore=shutil.ignore_patterns("store")))
    origin = manifest.read_origin(root)
    manifest.write_origin(root, origin._replace(source_root=str(source)))
    return root


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@torch.no_grad()
def test_pieces_equal_the_whole(encoders: FrozenEncoders, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fill_store, "PIECE_SECONDS", 0.8)
    wav = torch.randn(1, 1, 640 * 75 + 100)
    assert torch.equal(fill_store.encode(encoders.codec, wav), encoders.codec.encode(wav)[0])


def test_a_store_of_another_precision_is_another_store(
    data: Path, encoders: FrozenEncoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is made in that precision, stands beside the one in float32, and only a run that names it reads it."""
    used: set[torch.dtype] = set()
    encode = EncodecModel.encode

    def spy(self: EncodecModel, x: torch.Tensor) -> object:
        used.add((torch.ones(1, 1) @ torch.ones(1, 1)).dtype)
        return encode(self, x)

    monkeypatch.setattr(EncodecModel, "encode", spy)
    fill(data, encoders, workers=0)
    before, items = tree(encoders.store(data).folder), manifest.load(data, "train")
    half = replace(encoders, precision=torch.bfloat16)
    with pytest.raises(UserError, match=r"lacks .*store_precision"):
        StoreReader(data, half.identity(1.6)).require(items)
    assert used == {torch.float32} and fill(data, half, workers=0).made > 0 and torch.bfloat16 in used
    StoreReader(data, half.identity(1.6)).require(items)
    assert half.store(data).folder != encoders.store(data).folder and tree(encoders.store(data).folder) == before


@pytest.mark.parametrize("said", [[], ["--precision", "bfloat16"], ["--precision", "float32"]])
def test_prepare_hands_its_precision_on(said: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[str] = []
    monkeypatch.setattr(
        fill_store, "fill_for", lambda cfg, **_: given.append(cfg.orchestrator.store_precision) or Prepared(0, 0)
    )
    assert cli.main(["prepare", str(tmp_path), *said]) == 0
    assert given == [said[1] if said else "float32"]


def test_a_precision_is_told_once_and_is_one_that_there_is(
    data: Path, tiny_models: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["prepare", str(data), "solver=orchestrator_nano", "orchestrator.store_precision=auto"]
    assert cli.main([*words, "--precision", "float16"]) == 2
    assert capsys.readouterr().err.endswith("of orchestrator.store_precision: give one of them\n")
    cfg = OmegaConf.merge(package.load(str(tiny_models), "lm").cfg, {"device": "cpu"})
    with pytest.raises(UserError, match="store_precision=auto: expected one of float32, float16, bfloat16"):
        FrozenEncoders.of_config(OmegaConf.merge(cfg, {"orchestrator": {"store_precision": "auto"}}))


@pytest.mark.parametrize("damage", ["truncate", "flip the header", "remove", "change the audio", "another gain"])
def test_what_is_torn_or_stale_is_made_again(
    data: Path, encoders: FrozenEncoders, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One track, and only it; training refuses until then."""
    items = [item for split in manifest.SPLITS for item in manifest.load(data, split)]
    fill(data, encoders, workers=0)
    store = encoders.store(data)
    before, victim = tree(store.folder), items[-1]
    path = store.folder / f"{victim.track}.safetensors"
    if damage == "truncate":
        path.write_bytes(path.read_bytes()[:-4])
    elif damage == "flip the header":
        path.write_bytes(path.read_bytes().replace(b"contents", b"contentz"))
    elif damage == "remove":
        path.unlink()
    elif damage == "change the audio":
        file = audio_files(victim, data)[0]
        wav, rate = soundfile.read(file)
        soundfile.write(file, np.ascontiguousarray(wav[::-1]), rate, subtype="PCM_16")
    else:
        sidecar = data / manifest.item_path(victim.id)
        sidecar.write_text(sidecar.read_text().replace('"gain": 1.0', '"gain": 0.5'))
    items = [item for split in manifest.SPLITS for item in manifest.load(data, split)]
    with pytest.raises(UserError, match=rf"lacks 1 of 3 tracks, such as {victim.track}, .*run `orchestrator prepare`"):
        StoreReader(data, encoders.identity(1.6)).require(items)
    done = fill(data, encoders, workers=0)
    assert done.made == sum(item.track == victim.track for item in items) and done.kept == len(items) - done.made
    assert (tree(store.folder) == before) is (damage in ("truncate", "flip the header", "remove"))
    StoreReader(data, encoders.identity(1.6)).require(items)


def test_workers_shards_and_kills_make_the_same_bytes(
    data: Path, encoders: FrozenEncoders, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(data, encoders, workers=2)
    folder = encoders.store(data).folder
    whole = tree(folder)
    assert len(whole) == 3 and all(name.endswith(".safetensors") for name in whole), "a file a track"
    shutil.rmtree(folder)
    with monkeypatch.context() as patch:  # killed while the second track is written
        calls: list[Path] = []

        def write(path: Path, content: bytes) -> None:
            calls.append(path)
            if len(calls) == 2:
                raise KeyboardInterrupt
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)

        patch.setattr(atomic, "write_bytes", write)
        with pytest.raises(KeyboardInterrupt):
            fill(data, encoders, workers=0)
    for index in (1, 2):
        fill(data, encoders, workers=0, shard=Shard(index, 2))
    assert tree(folder) == whole
    shutil.rmtree(folder)
    monkeypatch.setattr(FrozenEncoders, "on_cpu", False)  # as on a GPU: workers read, this process computes
    fill(data, encoders, workers=2)
    assert tree(folder) == whole


def test_another_codec_or_chroma_has_another_store(tmp_path: Path) -> None:
    keys = {Store(tmp_path, codec, chroma).folder for codec in "ab" for chroma in ("direct", "separated")}
    assert len(keys) == 4


def test_past_the_end_there_is_silence(make_item: Callable[..., Item], tmp_path: Path) -> None:
    store, item = Store(tmp_path, "hash", "chroma"), make_item(id="T-x", track="T")
    store.put("T", {"T-x": "content"}, {"T-x": Entry(torch.arange(10).view(2, 5), torch.tensor([0, 5, 11]))})
    assert store.codes(item, 3, 4).tolist() == [[3, 4, 4, 4], [8, 9, 9, 9]]
    assert store.codes(item, 7, 2).tolist() == [[4, 4], [9, 9]]
    assert store.pitch_classes(item, 1, 4).tolist() == [5, 11, -1, -1]
    assert store.pitch_classes(item, 5, 2).tolist() == [-1, -1]
    assert store.has("T", {"T-x": "content"})
    assert not store.has("T", {"T-x": "other"}) and not store.has("none", {"T-x": "content"})


def test_a_flipped_byte_of_an_entry_is_not_read(make_item: Callable[..., Item], tmp_path: Path) -> None:
    store, item = Store(tmp_path, "hash", "chroma"), make_item(id="T-x", track="T")
    codes, classes = torch.arange(40).reshape(2, 20), torch.arange(30) % 12
    store.put("T", {"T-x": "content"}, {"T-x": Entry(codes, classes)})
    (path,) = store.folder.iterdir()
    data = path.read_bytes()
    assert torch.equal(Store(tmp_path, "hash", "chroma").codes(item, 0, 20), codes)
    for place in range(1, 111):  # every byte of both arrays
        path.write_bytes(data[:-place] + bytes([data[-place] ^ 64]) + data[len(data) - place + 1 :])
        torn = Store(tmp_path, "hash", "chroma")
        with pytest.raises(UserError, match="orchestrator prepare"):
            torn.codes(item, 0, 1), torn.pitch_classes(item, 0, 1)
    path.write_bytes(b"torn")
    with pytest.raises(UserError, match="cannot be read"):
        Store(tmp_path, "hash", "chroma").codes(item, 0, 1)


def test_an_item_of_a_day_is_refused_before_anything_is_read(data: Path, encoders: FrozenEncoders) -> None:
    path = data / manifest.item_path("Track00001-mix")
    before = json.loads(path.read_text())
    path.write_text(json.dumps({**before, "duration": 86_400.0}))
    with pytest.raises(UserError, match="item Track00001-mix: 1440 minutes at 22050 Hz are too many"):
        fill(data, encoders, workers=0)
    assert not encoders.store(data).folder.exists()


@pytest.mark.parametrize("inner", [False, True])
def test_nothing_is_stored_through_a_link_out_of_the_data_set(
    make_item: Callable[..., Item], tmp_path: Path, inner: bool
) -> None:
    root, victim = tmp_path / "data", tmp_path / "victim"
    root.mkdir(), victim.mkdir()
    store, texts = Store(root, "hash", "chroma"), TextStore(root, "encoder")
    for folder in (store.folder, texts.folder) if inner else (root / "store",):
        folder.parent.mkdir(exist_ok=True)
        folder.symlink_to(victim)
    with pytest.raises(UserError, match=r"is a link to .*victim.*: expected a folder of the data set itself"):
        store.put("T", {"T-x": "content"}, {"T-x": Entry(torch.zeros(2, 5), torch.zeros(3))})
    with pytest.raises(UserError, match=r"is a link to .*victim.*: expected a folder of the data set itself"):
        texts.add(0, ["a"], lambda found: [torch.zeros(1, 4) for _ in found])
    assert list(victim.iterdir()) == []


def test_a_pipe_in_a_store_is_not_waited_for(make_item: Callable[..., Item], tmp_path: Path) -> None:
    store, texts = Store(tmp_path, "hash", "chroma"), TextStore(tmp_path, "encoder")
    for path in (store.folder / "T.safetensors", texts.folder / f"{bucket_of('a'):02x}.safetensors"):
        path.parent.mkdir(parents=True)
        os.mkfifo(path)
    assert not store.has("T", {}) and texts.find("a") is None
    with pytest.raises(UserError, match="cannot be read"):
        store.codes(make_item(id="T-x", track="T"), 0, 1)

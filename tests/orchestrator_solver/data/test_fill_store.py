"""The store: pieces of items, torn and stale tracks, kills, shards, prompts and their states."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import audio_files
from dataset_builder.errors import UserError
from dataset_builder.items.item import Item
from dataset_builder.runtime import atomic
from dataset_builder.runtime.shards import Shard
from orchestrator_solver.data.dataset import Drawing, ExcerptDataset
from orchestrator_solver.features.feature_store import Entry, Store
from orchestrator_solver.features.text_store import TextStore
from orchestrator_solver.models import loading
from orchestrator_solver.precompute import fill_store
from orchestrator_solver.precompute.all_prompts import prompts_of
from orchestrator_solver.precompute.encoders import Frontend, attach_store, frontend_in
from orchestrator_solver.precompute.fill_store import fill
from orchestrator_solver.weights import package


@pytest.fixture(scope="module")
def frontend(tiny_models: Path) -> Frontend:
    codec = loading.load_codec_package(str(tiny_models.parent / "codec"))
    return frontend_in(loading.build_lm_from_package(package.load(str(tiny_models), "lm")), codec)


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
def test_pieces_equal_the_whole(frontend: Frontend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fill_store, "PIECE_SECONDS", 0.8)
    wav = torch.randn(1, 1, 640 * 75 + 100)
    assert torch.equal(fill_store.encode(frontend.codec, wav), frontend.codec.encode(wav)[0])


@pytest.mark.parametrize("damage", ["truncate", "flip the header", "remove", "change the audio", "another gain"])
def test_what_is_torn_or_stale_is_made_again(
    data: Path, frontend: Frontend, damage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One track, and only it; training refuses until then."""
    items = [item for split in manifest.SPLITS for item in manifest.load(data, split)]
    fill(data, frontend, workers=0)
    store = frontend.store(data)
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
        attach_store(frontend, data, items)
    done = fill(data, frontend, workers=0)
    assert done.made == sum(item.track == victim.track for item in items) and done.kept == len(items) - done.made
    assert (tree(store.folder) == before) is (damage in ("truncate", "flip the header", "remove"))
    attach_store(frontend, data, items)


def test_workers_shards_and_kills_make_the_same_bytes(
    data: Path, frontend: Frontend, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(data, frontend, workers=2)
    folder = frontend.store(data).folder
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
            fill(data, frontend, workers=0)
    for index in (1, 2):
        fill(data, frontend, workers=0, shard=Shard(index, 2))
    assert tree(folder) == whole
    shutil.rmtree(folder)
    monkeypatch.setattr(Frontend, "on_cpu", False)  # as on a GPU: workers read, this process computes
    fill(data, frontend, workers=2)
    assert tree(folder) == whole


def test_another_codec_or_chroma_has_another_store(tmp_path: Path) -> None:
    keys = {Store(tmp_path, codec, 25, chroma).folder for codec in "ab" for chroma in ("direct", "separated")}
    assert len(keys) == 4


def test_past_the_end_there_is_silence(make_item: Callable[..., Item], tmp_path: Path) -> None:
    store, item = Store(tmp_path, "hash", 25, "chroma"), make_item(id="T-x", track="T")
    store.put("T", {"T-x": "content"}, {"T-x": Entry(torch.arange(10).view(2, 5), torch.tensor([0, 5, 11]))})
    assert store.codes(item, 3, 4).tolist() == [[3, 4, 4, 4], [8, 9, 9, 9]]
    assert store.codes(item, 7, 2).tolist() == [[4, 4], [9, 9]]
    assert store.pitch_classes("T/T-x", 1, 4).tolist() == [5, 11, -1, -1]
    assert store.pitch_classes("T/T-x", 5, 2).tolist() == [-1, -1]
    assert store.has("T", {"T-x": "content"})
    assert not store.has("T", {"T-x": "other"}) and not store.has("none", {"T-x": "content"})


@pytest.mark.parametrize("description_p", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("names_p", [0.5, 1.0])
def test_every_prompt_that_is_drawn_is_known(tiny_data: Path, description_p: float, names_p: float) -> None:
    drawing = Drawing({"self": 1.0}, description_p=description_p, names_p=names_p, grid=0.32)
    dataset = ExcerptDataset(tiny_data, "train", drawing, segment_duration=1.6, num_samples=400, sample_rate=16_000)
    known = {item.id: prompts_of(item, 1.6, drawing) for item in dataset.known.values()}
    drawn = [dataset.excerpt(index) for index in range(400)]
    assert all(excerpt.prompt in known[excerpt.item.id] for excerpt in drawn)


def test_prompts_follow_what_sounds(make_item: Callable[..., Item]) -> None:
    spans = {"S00": ((0.0, 10.0), (40.0, 41.0), (100.1, 100.3)), "S01": ((9.9, 10.2), (60.0, 120.0))}
    item = make_item(duration=120.0, activity=spans, description="Calm.")
    drawing = Drawing({"self": 1.0}, description_p=0.0, grid=0.64)
    starts = [0.64 * step for step in range(round(115 / 0.64) + 1)]
    wanted = {", ".join(item.sounding(start, start + 5.0) or item.instruments) for start in starts}
    assert prompts_of(item, 5.0, drawing) == wanted and len(wanted) > 2
    with pytest.raises(UserError, match="names_partial=true has too many prompts"):
        prompts_of(item, 5.0, Drawing({"self": 1.0}, names_partial=True))


def test_texts_are_kept_in_few_files_and_torn_ones_made_again(tmp_path: Path) -> None:
    texts = [f"text number {n}" for n in range(700)]
    asked: list[str] = []

    def encode(new: list[str]) -> list[torch.Tensor]:
        asked.extend(new)
        return [torch.full((len(text) % 3 + 1, 4), float(len(text) + texts.index(text))) for text in new]

    def run(wanted: list[str]) -> None:
        store = TextStore(tmp_path, "encoder")
        for bucket, new in store.missing(wanted).items():
            store.add(bucket, new, encode)

    run(texts[:300])
    run(texts)
    assert sorted(asked) == sorted(texts), "each once"
    store = TextStore(tmp_path, "encoder")
    assert len(list(store.folder.iterdir())) <= 256
    assert all(torch.equal(store.find(text), encode([text])[0].half()) for text in texts[::7])
    assert store.find("never asked") is None
    files = tree(store.folder)
    victim = store.folder / next(iter(files))
    victim.write_bytes(files[victim.name][:-3])
    run(texts)
    assert tree(store.folder) == files

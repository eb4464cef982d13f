"""Codes of whole items, in pieces, and entries that are torn or stale."""

from pathlib import Path

import pytest
import torch

from dataset_builder import manifest
from orchestrator_solver import checkpoint, prepare
from orchestrator_solver.store import Store, state_hash


@pytest.fixture(scope="module")
def codec(tiny_models: Path) -> checkpoint.CompressionModel:
    return checkpoint.load_codec(str(tiny_models.parent / "codec"))


@torch.no_grad()
def test_pieces_equal_the_whole(codec: checkpoint.CompressionModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "PIECE_FRAMES", 20)
    wav = torch.randn(1, 1, 640 * 75 + 100)
    assert torch.equal(prepare.encode(codec, wav), codec.encode(wav)[0])


def test_torn_and_stale_entries_are_made_again(
    tiny_data: Path, codec: checkpoint.CompressionModel, tmp_path: Path
) -> None:
    prepare.fill(tiny_data, codec, 12, ("test",), workers=0)
    store = Store(tiny_data, state_hash(codec), codec.frame_rate, 12)
    first, second, *_ = manifest.load(tiny_data, "test")
    codes = store.folder / f"{first.id}.codes.npy"
    whole = codes.read_bytes()
    codes.write_bytes(whole[:-4])
    proof = store.folder / f"{second.id}.json"
    proof.write_text(proof.read_text().replace('"content": "', '"content": "0'))
    assert prepare.fill(tiny_data, codec, 12, ("test",), workers=0).made == 2
    assert codes.read_bytes() == whole


def test_another_codec_has_another_store(tiny_data: Path) -> None:
    assert Store(tiny_data, "a", 25, 12).folder != Store(tiny_data, "b", 25, 12).folder


def test_past_the_end_there_is_silence(tmp_path: Path) -> None:
    store = Store(tmp_path, "hash", 25, 12)
    store.put("item", "content", torch.arange(10).view(2, 5), torch.tensor([0, 5, 11]))
    assert store.codes("item", 3, 4).tolist() == [[3, 4, 4, 4], [8, 9, 9, 9]]
    assert store.pitch_classes("item", 1, 4).tolist() == [5, 11, -1, -1]
    assert store.has("item", "content") and not store.has("item", "other") and not store.has("none", "content")

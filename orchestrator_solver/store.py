"""Codes and pitch classes of whole items, computed once and read by memory map.

A store is a folder `DATA/store/KEY` with two arrays an item, `ITEM.codes.npy` (int16 `[K, S]`) and `ITEM.chroma.npy`
(int8 `[S']`, -1 where silent). `KEY` is a hash of the codec's weights and of the chroma settings, so that another codec
never reads these codes. What is in an entry is proved by `ITEM.json`, which holds the hash of the item's stems and of
its audio files' sizes: an entry that is torn, or whose item has changed, is made again.
"""

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from torch import nn

from dataset_builder import atomic
from dataset_builder.items import Item


def state_hash(model: nn.Module) -> str:
    """SHA-256 of the names, shapes and values of a model's state, in hexadecimal."""
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def item_hash(item: Item, files: Iterable[Path]) -> str:
    """SHA-256 of what an item's codes depend on: its stems and gains, and the sizes of its audio files."""
    parts = [[part.id, part.path, part.gain] for part in item.stems]
    sizes = [[str(path.name), path.stat().st_size] for path in files]
    return hashlib.sha256(json.dumps([item.audio, parts, sizes]).encode()).hexdigest()


class Store:
    """The arrays of one data set for one codec and chroma setting.

    Args:
        root: the data set's folder.
        codec_hash: `state_hash` of the codec.
        codec_frame_rate: of the codec, in Hz.
        radix2_exp: the chroma's window, see `ChromaConditioner`.
    """

    def __init__(self, root: Path, codec_hash: str, codec_frame_rate: float, radix2_exp: int) -> None:
        self.codec_frame_rate = codec_frame_rate
        key = hashlib.sha256(f"{codec_hash} {radix2_exp}".encode()).hexdigest()[:16]
        self.folder = root / "store" / key
        self._open = lru_cache(maxsize=4096)(self._load)

    def has(self, item_id: str, content: str) -> bool:
        """Whether the entry is whole and made from this content (`item_hash`)."""
        try:
            proof = json.loads((self.folder / f"{item_id}.json").read_text())
            sizes = [self._path(item_id, name).stat().st_size for name in ("codes", "chroma")]
        except (OSError, ValueError):
            return False
        return isinstance(proof, dict) and proof.get("content") == content and proof.get("sizes") == sizes

    def put(self, item_id: str, content: str, codes: torch.Tensor, classes: torch.Tensor) -> None:
        """Write the codes `[K, S]` and pitch classes `[S']` of an item; the proof comes last."""
        arrays: dict[str, np.ndarray] = {
            "codes": codes.numpy().astype(np.int16),
            "chroma": classes.numpy().astype(np.int8),
        }
        sizes = []
        for name, array in arrays.items():
            with atomic.replacing(self._path(item_id, name)) as temporary, temporary.open("wb") as file:
                np.save(file, array, allow_pickle=False)
            sizes.append(self._path(item_id, name).stat().st_size)
        atomic.write_json(self.folder / f"{item_id}.json", {"content": content, "sizes": sizes})

    def codes(self, item_id: str, start: int, frames: int) -> torch.Tensor:
        """Codes `[K, frames]` from frame `start` on, the last frame repeated past the item's end."""
        codes = self._open(item_id, "codes")
        index = np.minimum(np.arange(start, start + frames), codes.shape[1] - 1)
        return torch.from_numpy(codes[:, index].astype(np.int64))

    def pitch_classes(self, item_id: str, start: int, frames: int) -> torch.Tensor:
        """Pitch classes `[frames]` from frame `start` on, -1 past the item's end."""
        classes = self._open(item_id, "chroma")[start : start + frames].astype(np.int64)
        return torch.from_numpy(np.pad(classes, (0, frames - len(classes)), constant_values=-1))

    def _path(self, item_id: str, name: str) -> Path:
        return self.folder / f"{item_id}.{name}.npy"

    def _load(self, item_id: str, name: str) -> np.ndarray:
        return np.load(self._path(item_id, name), mmap_mode="r", allow_pickle=False)

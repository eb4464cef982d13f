"""Codes and pitch classes of whole items, computed once and read by memory map.

A store is a folder `DATA/store/KEY` with one file a track, `TRACK.safetensors`, which holds `ITEM.codes` (int16
`[K, S]`) and `ITEM.chroma` (int8 `[S']`, -1 where silent) of each of its items. `KEY` is a hash of the codec's weights,
of the precision, and of all that the chroma is computed by, so that another model never reads these. The file's
metadata say what each item was made of (`contents_of`), and hold a checksum of each entry, which is compared when a
process first reads it: a file that is torn, or whose items have changed, is made again, and so is one of before that
has no checksums.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dataset_builder.dataset.freshness import audio_digests
from dataset_builder.errors import UserError
from dataset_builder.items.item import Item
from dataset_builder.runtime import atomic
from dataset_builder.runtime.untrusted import require_inside

FOLDER = "store"
_PROOF = "proof"  # the one key of a file's metadata, so that their order is fixed
_OPEN = 4096  # files that a process keeps mapped


def contents_of(root: Path, items: Sequence[Item]) -> dict[str, str]:
    """SHA-256 of what the entry of each item depends on, by its id: its stems and gains, and all of its audio files.

    Args:
        root: the data set's folder.
        items: of one track.

    Raises:
        UserError: if a file is missing, or is a link out of the source.
    """
    digests = audio_digests(root, items)
    return {item.id: _content_of(item, digests) for item in items}


def _content_of(item: Item, digests: Mapping[str, str]) -> str:
    parts = [[part.id, part.path, part.gain] for part in item.stems]
    files = [digests[path] for path in item.files]
    made_of = [item.kind, item.duration, item.audio, parts, files]
    return hashlib.sha256(json.dumps(made_of).encode()).hexdigest()


@dataclass(frozen=True)
class Entry:
    """What is kept of an item.

    Attributes:
        codes: `[K, S]`.
        classes: pitch classes `[S']`, -1 where silent.
    """

    codes: torch.Tensor
    classes: torch.Tensor


class Store:
    """The entries of one data set for one codec and one chroma.

    Args:
        root: the data set's folder.
        codec: its weights' hash, and in which precision it computed, see `FrozenEncoders`.
        chroma: what decides pitch classes beside the audio, see `MelodyConditioner.identity`.
    """

    def __init__(self, root: Path, codec: str, chroma: str) -> None:
        key = hashlib.sha256(f"{codec} {chroma}".encode()).hexdigest()[:16]
        self.root = root
        self.folder = root / FOLDER / key
        self._open: Callable[[str], _File] = lru_cache(maxsize=_OPEN)(self._load)

    def has(self, track: str, contents: Mapping[str, str]) -> bool:
        """Whether a track's file is whole and holds just these items, made of these contents (`contents_of`)."""
        try:
            with safe_open(_regular(self._path(track)), "numpy") as file:
                return bool(_proof_of(file)["contents"] == dict(contents))
        except (OSError, SafetensorError, ValueError, RecursionError):
            return False

    def put(self, track: str, contents: Mapping[str, str], entries: Mapping[str, Entry]) -> None:
        """Write a track's file, whole or not at all.

        Raises:
            UserError: if the store is a link out of the data set.
        """
        require_inside(self.folder, self.root)
        arrays: dict[str, np.ndarray] = {}
        for item_id in sorted(entries):
            arrays[f"{item_id}.codes"] = np.ascontiguousarray(entries[item_id].codes.numpy().astype(np.int16))
            arrays[f"{item_id}.chroma"] = entries[item_id].classes.numpy().astype(np.int8)
        sums = {name: _sum_of(array) for name, array in arrays.items()}
        proof = json.dumps({"contents": dict(sorted(contents.items())), "sums": sums})
        atomic.write_bytes(self._path(track), save(arrays, {_PROOF: proof}))

    def codes(self, item: Item, start: int, frames: int) -> torch.Tensor:
        """Codes `[K, frames]` from frame `start` on, the last frame repeated past the item's end."""
        kept = self._open(item.track).entry(f"{item.id}.codes")
        count = kept.get_shape()[1]
        found = kept[:, min(start, count - 1) : min(start + frames, count)]
        found = np.pad(found, ((0, 0), (0, frames - found.shape[1])), mode="edge")
        return torch.from_numpy(found.astype(np.int64))

    def pitch_classes(self, item: Item, start: int, frames: int) -> torch.Tensor:
        """Pitch classes `[frames]` from frame `start` on, -1 past the item's end."""
        kept = self._open(item.track).entry(f"{item.id}.chroma")
        count = kept.get_shape()[0]
        classes = kept[start : min(start + frames, count)] if start < count else np.zeros(0, np.int8)
        return torch.from_numpy(np.pad(classes.astype(np.int64), (0, frames - len(classes)), constant_values=-1))

    def _path(self, track: str) -> Path:
        return self.folder / f"{track}.safetensors"

    def _load(self, track: str) -> "_File":
        return _File(self._path(track))


class _File:
    """A track's file, which stays mapped as long as the process reads.

    Raises:
        UserError: if it is torn.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._compared = path, set[str]()
        try:
            self._file = safe_open(_regular(path), "numpy").__enter__()
            self._sums = _proof_of(self._file)["sums"]
        except (OSError, SafetensorError, ValueError, RecursionError) as error:
            raise UserError(self._advice("it cannot be read")) from error

    def entry(self, name: str) -> Any:
        """An array of the file, read where it is sliced; at first all of it, for its checksum.

        Raises:
            UserError: if its bytes are not those that were written.
        """
        if name not in self._compared:
            try:
                whole = _sum_of(self._file.get_tensor(name)) == self._sums.get(name)
            except SafetensorError:
                whole = False
            if not whole:
                raise UserError(self._advice(f"{name} is not what was written"))
            self._compared.add(name)
        return self._file.get_slice(name)

    def _advice(self, what: str) -> str:
        return f"{self.path}: {what}: remove the file and run `orchestrator prepare` again"


def _regular(path: Path) -> Path:
    """A file's path; a named pipe would be waited for without end.

    Raises:
        OSError: if it is no regular file.
    """
    if not path.is_file():
        raise OSError(f"{path} is no file")
    return path


def _sum_of(array: np.ndarray) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()[:16]


def _proof_of(file: Any) -> dict[str, dict[str, str]]:
    """What a file says of its entries.

    Raises:
        ValueError: if it says nothing.
    """
    proof = json.loads((file.metadata() or {}).get(_PROOF, "null"))
    if not isinstance(proof, dict) or not all(isinstance(proof.get(key), dict) for key in ("contents", "sums")):
        raise ValueError("no proof of its entries")
    return proof

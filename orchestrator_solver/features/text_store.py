"""States of a frozen text encoder, computed once for each text and read by memory map.

A folder `DATA/store/text-KEY` of at most 256 files: `NN.safetensors` holds the texts whose SHA-256 begins with the
byte NN, their states (float16 `[sum of tokens, D]`) one after the other, where each begins, and a checksum, which is
compared when a process first reads the file: one that is not what was written counts as absent. `KEY` is a hash of the
encoder's weights.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from dataset_builder.runtime import atomic
from dataset_builder.runtime.untrusted import require_inside

from .feature_store import FOLDER

BUCKETS = 256
_PROOF = "proof"
_TORN = (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError)
Encode = Callable[[list[str]], list[torch.Tensor]]


def bucket_of(text: str) -> int:
    """Which file a text is in."""
    return hashlib.sha256(text.encode()).digest()[0]


class TextStore:
    """The states of one encoder.

    Args:
        root: the data set's folder.
        encoder_hash: of the encoder's weights, and all that decides its tokens.
    """

    def __init__(self, root: Path, encoder_hash: str) -> None:
        self.root = root
        self.folder = root / FOLDER / f"text-{encoder_hash[:16]}"
        self._open = lru_cache(maxsize=BUCKETS)(self._load)

    def find(self, text: str) -> torch.Tensor | None:
        """The states `[tokens, D]` of a text; None if they were not computed."""
        bucket = bucket_of(text)
        try:
            file, places = self._open(bucket)
        except _TORN:
            return None
        if text not in places:
            return None
        first, last = places[text]
        return torch.from_numpy(file.get_slice("states")[first:last])

    def missing(self, texts: Iterable[str]) -> dict[int, list[str]]:
        """The texts that are not there, in order, by their file."""
        by_bucket: dict[int, list[str]] = {}
        for text in sorted(set(texts)):
            by_bucket.setdefault(bucket_of(text), []).append(text)
        lacking = {
            bucket: [text for text in texts if text not in self._places(bucket)] for bucket, texts in by_bucket.items()
        }
        return {bucket: texts for bucket, texts in sorted(lacking.items()) if texts}

    def add(self, bucket: int, texts: list[str], encode: Encode) -> None:
        """Compute the states of texts of one file, and write it anew with those that it held.

        Raises:
            UserError: if the store is a link out of the data set.
        """
        require_inside(self.folder, self.root)
        states = {text: state.half().cpu().numpy() for text, state in zip(texts, encode(texts), strict=True)}
        for text in self._places(bucket):
            states[text] = np.asarray(self.find(text))
        places, first = {}, 0
        for text in sorted(states):
            places[text] = (first, first + len(states[text]))
            first += len(states[text])
        array = np.concatenate([states[text] for text in places])
        proof = json.dumps({"places": places, "sum": _sum_of(array, places)})
        data = save({"states": array}, {_PROOF: proof})
        atomic.write_bytes(self._path(bucket), data)
        self._open.cache_clear()

    def _places(self, bucket: int) -> Mapping[str, list[int]]:
        try:
            return self._open(bucket)[1]
        except _TORN:
            return {}

    def _path(self, bucket: int) -> Path:
        return self.folder / f"{bucket:02x}.safetensors"

    def _load(self, bucket: int) -> tuple:
        path = self._path(bucket)
        if not path.is_file():  # a named pipe would be waited for without end
            raise OSError(f"{path} is no file")
        file = safe_open(path, "numpy").__enter__()  # stays mapped as long as the process reads
        proof = json.loads((file.metadata() or {}).get(_PROOF, "null"))
        if proof["sum"] != _sum_of(file.get_tensor("states"), proof["places"]):
            raise ValueError("not what was written")
        return file, proof["places"]


def _sum_of(states: np.ndarray, places: Mapping[str, Sequence[int]]) -> str:
    """A checksum of a file's states and of where each begins."""
    digest = hashlib.sha256(json.dumps(places, sort_keys=True).encode())
    digest.update(np.ascontiguousarray(states).data)
    return digest.hexdigest()[:16]

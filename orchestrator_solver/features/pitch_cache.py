"""Pitch classes of excerpts on disk, for runs without a store."""

from pathlib import Path

import numpy as np
import torch

from dataset_builder.runtime import atomic


class PitchCache:
    """Pitch classes of excerpts on disk, by a hash of the samples and of all settings.

    Args:
        folder: where; files in it may be deleted at any time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> torch.Tensor | None:
        """Pitch classes `[S]`, None if there are none, or they are torn."""
        try:
            return torch.from_numpy(np.load(self._path(key), allow_pickle=False).astype(np.int64))
        except (OSError, ValueError, EOFError):
            return None

    def put(self, key: str, classes: torch.Tensor) -> None:
        """Keep the pitch classes `[S]`."""
        with atomic.replacing(self._path(key)) as temporary, temporary.open("wb") as file:
            np.save(file, classes.cpu().numpy().astype(np.int8), allow_pickle=False)

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npy"

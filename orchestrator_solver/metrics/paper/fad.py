"""Fréchet distances of whole sets on what PaSST and CLAP hear."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ..distribution.frechet import frechet_distance
from .clap import ClapScore
from .passt import PasstKL


class PasstFad:
    """FAD on what PaSST tells its classes by, averaged over pieces of 20 s; arguments and errors as of `PasstKL`."""

    label = "FAD(PaSST)"
    higher_is_better = False

    def __init__(self, **settings: Any):
        self.passt = PasstKL(**settings).passt

    def embed(self, wavs: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
        def heard(wav: np.ndarray) -> torch.Tensor:
            return self.passt.features(wav, sample_rate).mean(dim=0)  # NaN of no piece

        return _rows(heard, wavs, 768)

    def distance(self, generated: np.ndarray, target: np.ndarray) -> float:
        return frechet_distance(generated, target)

    def provenance(self) -> dict[str, str]:
        """Which weights are behind the scores."""
        return self.passt.provenance


class ClapFad:
    """FAD on CLAP's embeddings of audio; arguments and errors as of `ClapScore`."""

    label = "FAD(CLAP)"
    higher_is_better = False

    def __init__(self, **settings: Any):
        self.clap = ClapScore(**settings).clap

    def embed(self, wavs: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
        return _rows(lambda wav: self.clap.of_audio(wav, sample_rate), wavs, 512)

    def distance(self, generated: np.ndarray, target: np.ndarray) -> float:
        return frechet_distance(generated, target)

    def provenance(self) -> dict[str, str]:
        """Which weights are behind the scores."""
        return self.clap.provenance


def _rows(heard: Callable[[np.ndarray], torch.Tensor], wavs: Sequence[np.ndarray], width: int) -> np.ndarray:
    """A row a clip `[B, D]` float64, NaN of an empty one."""
    rows = [heard(wav).double().numpy() if len(wav) else np.full(width, np.nan) for wav in wavs]
    return np.stack(rows) if rows else np.empty((0, width))

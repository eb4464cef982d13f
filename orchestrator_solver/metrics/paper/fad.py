"""Fréchet distances of whole sets on what PaSST and CLAP hear."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from ..clips import is_silent
from ..distribution.frechet import frechet_distance
from .clap import ClapScore
from .passt import PasstKL

Heard = Callable[[np.ndarray, int], torch.Tensor]


class NetworkFad:
    """FAD on the features of a network, as a `SetMetric`.

    Args:
        label: of the metric.
        heard: features `[D]` of a clip `[T]` that is not silent, and its rate.
        width: D.
        provenance: which weights are behind the scores.
    """

    higher_is_better = False

    def __init__(self, label: str, heard: Heard, width: int, provenance: dict[str, str]):
        self.label, self.heard, self.width, self._provenance = label, heard, width, provenance

    def embed(self, wavs: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
        rows = np.full((len(wavs), self.width), np.nan)
        for row, wav in zip(rows, wavs, strict=True):
            if not is_silent(wav):
                row[:] = self.heard(wav, sample_rate).double().numpy()
        return rows

    def distance(self, generated: np.ndarray, target: np.ndarray) -> float:
        return frechet_distance(generated, target)

    def provenance(self) -> dict[str, str]:
        """Which weights are behind the scores."""
        return self._provenance


def passt_fad(**settings: Any) -> NetworkFad:
    """FAD on what PaSST tells its classes by, averaged over pieces of 20 s; arguments and errors as of `PasstKL`."""
    passt = PasstKL(**settings).passt
    return NetworkFad("FAD(PaSST)", lambda wav, rate: passt.features(wav, rate).mean(dim=0), 768, passt.provenance)


def clap_fad(**settings: Any) -> NetworkFad:
    """FAD on CLAP's embeddings of audio; arguments and errors as of `ClapScore`."""
    clap = ClapScore(**settings).clap
    return NetworkFad("FAD(CLAP)", clap.of_audio, 512, clap.provenance)

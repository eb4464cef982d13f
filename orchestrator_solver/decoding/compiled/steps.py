"""Steps through a network, one position at a time, by our kernels."""

import threading
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from dataset_builder.runtime.numba_threads import use_threads

from ..linears import Matrix
from ..past import Past
from . import kernels

_ONE_STEP = threading.Lock()  # at a time: each has all cores, and not every kind of numba's threads can be shared
_WEIGHTS_A_THREAD = 1 << 14  # of the smallest product: with fewer, threads wait for one another
_PLACES = 16
Part = nn.LayerNorm | Matrix


class Steps:
    """One position of a few rows through all layers, the last norm and the heads.

    Args:
        layers: two norms and four matrices each.
        last: the last norm, and the heads.
        heads: of attention.
        keys: precision of keys and values.
    """

    def __init__(self, layers: Sequence[Sequence[Part]], last: Sequence[Part], heads: int, keys: torch.dtype) -> None:
        norms = [[part for part in parts if isinstance(part, nn.LayerNorm)] for parts in (*layers, last)]
        self._heads, self._eps = heads, np.array([norm[0].eps for norm in norms], np.float32)
        self._arrays = [[array for part in parts for array in _arrays(part)] for parts in (*layers, last)]  # kept alive
        self._places = np.zeros((len(self._arrays), _PLACES), np.int64)
        for places, arrays in zip(self._places, self._arrays, strict=True):
            places[: len(arrays)] = [array.ctypes.data for array in arrays]
        self._weight = self._arrays[-1][2]
        self._inner = len(self._arrays[0][10])
        self._key = as_array(torch.empty(0, dtype=keys))

    def __call__(self, x: torch.Tensor, pasts: Sequence[Past], position: int) -> torch.Tensor:
        """Logits `[R, outputs]` after rows `x` `[R, D]` at a position of each layer's past."""
        length = pasts[0].numbers.shape[3]
        assert position < length  # the kernels do not look
        rows = x.to(torch.float32, copy=True, memory_format=torch.contiguous_format)
        logits = torch.zeros(len(rows), len(self._weight))
        addresses = np.array([(past.numbers.data_ptr(), past.units.data_ptr()) for past in pasts])
        with _ONE_STEP:
            parts = 4 * use_threads(min(torch.get_num_threads(), rows.shape[1] ** 2 // _WEIGHTS_A_THREAD))
            kernels.step(
                rows.numpy(), addresses, self._heads, length, position, parts, self._places, self._eps, self._inner,
                self._weight, self._key, logits.numpy(),
            )  # fmt: skip
        return logits


def as_array(tensor: torch.Tensor) -> np.ndarray:
    """The same memory; bfloat16 as uint16, which numba has."""
    return (tensor.view(torch.uint16) if tensor.dtype == torch.bfloat16 else tensor).numpy()


def matrix_arrays(matrix: Matrix) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, in the order in which they are, scale and bias; they share memory where they can."""
    outputs, inputs = matrix.shape
    scale = torch.ones(outputs) if matrix.scale is None else matrix.scale
    bias = torch.zeros(outputs) if matrix.bias is None else matrix.bias.float()
    return as_array(matrix.weight.view(outputs, inputs)), scale.numpy(), bias.numpy()


def _arrays(part: Part) -> tuple[np.ndarray, ...]:
    if isinstance(part, Matrix):
        return matrix_arrays(part)
    return tuple(one.detach().float().numpy() for one in (part.weight, part.bias))

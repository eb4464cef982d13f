"""Matrices times a few rows: each weight is read once. What an output is does not depend on the number of threads."""

from typing import Any

import numba
import numpy as np

from .addresses import read_ahead
from .dots import OUTPUTS, of_four_rows, of_two_rows
from .precisions import F, compiled, gelu, ready


@compiled(parallel=True)
def product(matrix: Any, x: np.ndarray, out: np.ndarray, parts: int) -> None:
    """Add the product of rows `x` `[R, in]` and a matrix `[outputs, in]` to `out` `[R, outputs]`.

    Args:
        matrix: weights `[outputs, in]` (unless they are float32 in `linears.BLOCK`s), what a unit of each of its rows
            is worth `[outputs]`, and bias `[outputs]`.
        x: float32.
        out: float32.
        parts: in which threads share the outputs.
    """
    given, units = ready(matrix[0], x)
    for part in numba.prange(parts):
        begin, end = _share(len(matrix[0]), part, parts)
        _outputs(matrix, given, units, out, begin, end)


@compiled(parallel=True)
def raised(matrix: Any, x: np.ndarray, out: np.ndarray, parts: int) -> None:
    """Set `out` to GELU of the product."""
    given, units = ready(matrix[0], x)
    for part in numba.prange(parts):
        begin, end = _share(len(matrix[0]), part, parts)
        for r in range(len(out)):
            out[r][begin:end] = F(0)
        _outputs(matrix, given, units, out, begin, end)
        for r in range(len(out)):
            _bend(out[r][begin:end])


@compiled()
def _share(outputs: int, part: int, parts: int) -> Any:
    """From where to where a part of all outputs goes."""
    blocks, place = outputs // OUTPUTS, np.int64(part)  # the counter has no sign, and times a signed one is a float
    return OUTPUTS * (blocks * place // parts), OUTPUTS * (blocks * (place + 1) // parts)


@compiled()
def _outputs(matrix: Any, given: np.ndarray, units: np.ndarray, out: np.ndarray, begin: int, end: int) -> None:
    weights, scale, bias = matrix
    sums = np.empty((4, OUTPUTS), np.float32)
    for i in range(begin, end, OUTPUTS):
        if weights.itemsize < 4:  # float32 the processor foresees
            read_ahead(weights[i : i + OUTPUTS])
        r = 0
        while r < len(given):
            left = len(given) - r
            many = 4 if left >= 4 else min(left, 2)
            if many == 4:
                of_four_rows(weights, i, given, r, 1, sums)
            else:  # one that is left is its own neighbour
                of_two_rows(weights, i, given, r, many - 1, sums)
            for q in range(many):
                for k in range(OUTPUTS):
                    out[r + q, i + k] += sums[q, k] * scale[i + k] * units[r + q] + bias[i + k]
            r += many


@compiled()
def _bend(x: np.ndarray) -> None:
    for i in range(x.size):
        x[i] = gelu(x[i])

"""Attention of one position of each row to all before it."""

import math
from typing import Any

import numba
import numpy as np

from .addresses import read, read_ahead
from .dots import OUTPUTS, of_one_row
from .mixtures import mix
from .precisions import SUMS, F, compiled, exp, keep, ready


@compiled(parallel=True)
def attention(packed: np.ndarray, past: Any, position: int, out: np.ndarray) -> None:
    """Write what rows attend to `[R, D]`.

    Args:
        packed: queries, keys and values `[R, 3 * D]`, float32.
        past: keys and values `[2, R, heads, T, d]`, T a multiple of 4 and d of 32 (64 if they are bytes), and what a
            unit of them is worth `[2, R, heads, T]`; those of this position are written.
        position: of the rows, below T.
        out: float32.
    """
    numbers, units = past
    rows, heads, size = numbers.shape[1], numbers.shape[2], numbers.shape[4]
    root = F(1 / math.sqrt(size))
    for unit in numba.prange(rows * heads):
        r, head = np.int64(unit) // heads, np.int64(unit) % heads
        begin, end = head * size, (head + 1) * size
        queries, keys, values = packed[r].reshape(3, heads * size)
        keep(numbers[0, r, head], units[0, r, head], position, keys[begin:end])
        keep(numbers[1, r, head], units[1, r, head], position, values[begin:end])
        of_head = numbers[0, r, head], numbers[1, r, head]
        shares = _likenesses(queries[begin:end] * root, of_head, units[0, r, head], position + 1)
        _to_shares(shares, units[1, r, head], position + 1)
        mix(shares, of_head[1], out[r][begin:end])  # type: ignore[call-arg]  # numba's


@compiled()
def _likenesses(query: np.ndarray, past: Any, units: np.ndarray, length: int) -> Any:
    """Products with the first keys; behind them are numbers of no meaning up to a multiple of `OUTPUTS`."""
    keys, values = past
    given, worth = ready(keys, query.reshape(1, query.size))
    sums = np.empty((-(-length // OUTPUTS), OUTPUTS), np.float32)
    for block in range(len(sums)):
        t = block * OUTPUTS
        read_ahead(keys[t : t + OUTPUTS])
        read(values[t : t + OUTPUTS])  # which are wanted next
        of_one_row(keys, t, given, 0, 0, sums[block : block + 1])
    likenesses = sums.reshape(sums.size)
    for t in range(length):
        likenesses[t] *= worth[0] * units[t]
    return likenesses


@compiled(fastmath=SUMS)
def _to_shares(likenesses: np.ndarray, units: np.ndarray, length: int) -> None:
    """Softmax of the first in place, times what the units of their values are worth; the rest is nothing."""
    highest, total = likenesses[:length].max(), F(0)
    for t in range(length):
        likenesses[t] = exp(likenesses[t] - highest)
        total += likenesses[t]
    inverse = F(1) / total
    for t in range(length):
        likenesses[t] *= inverse * units[t]
    likenesses[length:] = F(0)

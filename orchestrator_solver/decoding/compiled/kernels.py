"""A step through all layers, for one position of a few rows, compiled for the CPU.

Where a step is that small, torch spends half of its time between its operations.
"""

import math
from typing import Any

import numpy as np

from .addresses import array_at
from .attention import attention
from .keeping import kept
from .precisions import SUMS, F, compiled
from .products import product, raised


@kept
def step(
    x: np.ndarray, pasts: np.ndarray, heads: int, length: int, position: int, parts: int, places: np.ndarray,
    eps: np.ndarray, inner: int, weight: np.ndarray, key: np.ndarray, logits: np.ndarray,
) -> None:  # fmt: skip
    """Put rows through all layers, the last norm and the heads.

    It is one call, and told addresses, because numba looks longer at the arrays of a small layer than the layer takes.

    Args:
        x: rows `[R, D]`, float32; changed.
        pasts: addresses `[layers, 2]` of keys and values `[2, R, heads, length, d]`, and of what their units are worth,
            see `attention`; those of this position are written.
        heads: of attention.
        length: of the keys.
        position: of the rows, below it.
        parts: in which threads share a product.
        places: addresses `[layers + 1, 16]`, of each layer's two norms (weight and bias) and four matrices (see
            `product`: of what makes queries, keys and values, of what leaves attention, and of the feed-forward); in
            the last row of the last norm and the heads.
        eps: of the norms `[layers + 1]`.
        inner: outputs of the feed-forward's first half.
        weight: an array of the kind of weights.
        key: of the kind of keys and values.
        logits: `[R, outputs]`, float32, zeros.
    """
    (rows, dim), example = x.shape, np.empty(0, np.float32)
    for number in range(len(pasts)):
        of = places[number]
        units = array_at(pasts[number, 1], (2, rows, heads, length), example)
        past = array_at(pasts[number, 0], (2, rows, heads, length, dim // heads), key), units
        qkv, leave = _matrix_at(of[4:], 3 * dim, dim, weight), _matrix_at(of[7:], dim, dim, weight)
        up, down = _matrix_at(of[10:], inner, dim, weight), _matrix_at(of[13:], dim, inner, weight)
        norms = _norm_at(of, dim), _norm_at(of[2:], dim)
        _layer(x, past, position, parts, eps[number], norms, qkv, leave, up, down)
    of, normed = places[len(pasts)], np.empty_like(x)
    _normed(x, _norm_at(of, dim), eps[len(pasts)], normed)
    product(_matrix_at(of[2:], logits.shape[1], dim, weight), normed, logits, parts)


@compiled()
def _layer(
    x: np.ndarray, past: Any, position: int, parts: int, eps: float, norms: Any, qkv: Any, leave: Any, up: Any,
    down: Any,
) -> None:  # fmt: skip
    """`x + attention(norm(x))`, then `x + down(gelu(up(norm(x))))`, in place."""
    normed, packed = np.empty_like(x), np.zeros((len(x), 3 * x.shape[1]), np.float32)
    between = np.empty((len(x), len(up[0])), np.float32)
    _normed(x, norms[0], eps, normed)
    product(qkv, normed, packed, parts)
    attention(packed, past, position, normed)
    product(leave, normed, x, parts)
    _normed(x, norms[1], eps, normed)
    raised(up, normed, between, parts)
    product(down, between, x, parts)


@compiled(fastmath=SUMS)
def _normed(x: np.ndarray, norm: Any, eps: float, out: np.ndarray) -> None:
    weight, bias = norm
    for r in range(len(x)):
        mean = x[r].mean()
        spread = F(0)
        for j in range(x.shape[1]):
            spread += (x[r, j] - mean) ** 2
        inverse = F(1 / math.sqrt(spread / x.shape[1] + eps))
        for j in range(x.shape[1]):
            out[r, j] = (x[r, j] - mean) * inverse * weight[j] + bias[j]


@compiled()
def _norm_at(places: np.ndarray, size: int) -> Any:
    example = np.empty(0, np.float32)
    return array_at(places[0], (size,), example), array_at(places[1], (size,), example)


@compiled()
def _matrix_at(places: np.ndarray, outputs: int, inputs: int, weight: np.ndarray) -> Any:
    example = np.empty(0, np.float32)
    scale, bias = array_at(places[1], (outputs,), example), array_at(places[2], (outputs,), example)
    return array_at(places[0], (outputs, inputs), weight), scale, bias

"""A layer of the transformer for one position of a few rows, compiled for the CPU: each weight is read once.

Where a step is that small, torch spends half of its time between its operations. What an output is does not depend on
the number of threads. Weights are float32, bfloat16 (as uint16, which numba has) or bytes with a scale a row.
"""

import math
from functools import partial
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import overload

from .byte_dots import byte_dots, fetch

_MATH = {"reassoc", "contract", "arcp", "nsz"}  # sums may be reordered, as vector units need it; NaN stays NaN
_compiled = partial(numba.njit, error_model="numpy", cache=True, nogil=True)
_HIGHEST = 32_767  # of 16 bits
_LINE = 64  # bytes that memory gives at once
_AHEAD = 4096  # bytes
_OUTPUTS = 4  # computed at once
_F = np.float32


def _wide(value: Any) -> Any:
    """A number of whatever a weight or key is, in float32."""


@overload(_wide, inline="always", strict=False)
def _to_float(value: Any) -> Any:
    if value == types.uint16:
        return lambda value: np.uint32(np.uint32(value) << np.uint32(16)).view(np.float32)
    return lambda value: np.float32(value)


def _narrow(value: Any, example: Any) -> Any:
    """A float32 number in the precision of an example, rounded to the nearest, to an even one between two."""


@overload(_narrow, inline="always", strict=False)
def _from_float(value: Any, example: Any) -> Any:
    if example == types.uint16:
        return lambda value, example: _rounded(value)
    return lambda value, example: np.float32(value)


@_compiled()
def _rounded(value: np.float32) -> Any:
    bits = np.float32(value).view(np.uint32)
    even = (bits >> np.uint32(16)) & np.uint32(1)
    return np.uint16((bits + np.uint32(0x7FFF) + even) >> np.uint32(16))


def _ready(weights: Any, x: Any) -> Any:
    """Rows `[R, in]` as the weights want them, and what a unit of each row is worth `[R]`."""


@overload(_ready, strict=False)
def _to_units(weights: Any, x: Any) -> Any:
    if weights.dtype == types.int8:
        return lambda weights, x: _whole(x)
    return lambda weights, x: (x, np.ones(len(x), np.float32))


@_compiled()
def _whole(x: np.ndarray) -> Any:
    """Rows as whole numbers, as fine as sums of 32 bits allow."""
    highest = _F(min(_HIGHEST, (2**31 - 1) // (127 * x.shape[1])))
    units, given = np.empty(len(x), np.float32), np.empty(x.shape, np.int16)
    for row in range(len(x)):
        largest = _F(0)
        for j in range(x.shape[1]):
            largest = max(largest, abs(x[row, j]))
        units[row] = max(largest / highest, _F(1e-30))
        for j in range(x.shape[1]):
            given[row, j] = np.int16(np.rint(x[row, j] / units[row]))
    return given, units


def _block(weights: Any, output: Any, first: Any, second: Any, sums: Any) -> Any:
    """Sums `[2, 4]` of the weights of four outputs times each of two rows: memory gives four streams sooner."""


@overload(_block, strict=False)
def _sums_of_block(weights: Any, output: Any, first: Any, second: Any, sums: Any) -> Any:
    if weights.dtype == types.int8:
        return lambda weights, output, first, second, sums: _dots_of_bytes(weights, output, first, second, sums)
    return lambda weights, output, first, second, sums: _dots(
        weights[output], weights[output + 1], weights[output + 2], weights[output + 3], first, second, sums
    )


@_compiled(fastmath=_MATH)
def _dots(
    one: np.ndarray, two: np.ndarray, three: np.ndarray, four: np.ndarray, first: np.ndarray, second: np.ndarray,
    sums: np.ndarray,
) -> None:  # fmt: skip
    a1 = a2 = a3 = a4 = b1 = b2 = b3 = b4 = _F(0)
    for j in range(first.size):
        a, b = first[j], second[j]
        w1, w2, w3, w4 = _wide(one[j]), _wide(two[j]), _wide(three[j]), _wide(four[j])
        a1 += w1 * a
        a2 += w2 * a
        a3 += w3 * a
        a4 += w4 * a
        b1 += w1 * b
        b2 += w2 * b
        b3 += w3 * b
        b4 += w4 * b
    sums[0, 0], sums[0, 1], sums[0, 2], sums[0, 3] = a1, a2, a3, a4
    sums[1, 0], sums[1, 1], sums[1, 2], sums[1, 3] = b1, b2, b3, b4


@_compiled()
def _dots_of_bytes(weights: np.ndarray, output: int, first: np.ndarray, second: np.ndarray, sums: np.ndarray) -> None:
    size = weights.shape[1]
    for k in range(_OUTPUTS):
        _read_ahead(weights[output + k])
        begin = weights.ctypes.data + (output + k) * size
        both: Any = byte_dots(begin, first.ctypes.data, second.ctypes.data, size)  # type: ignore[call-arg]  # numba's
        sums[0, k], sums[1, k] = _F(both[0]), _F(both[1])


@_compiled()
def _read_ahead(part: np.ndarray) -> None:
    """Have memory read what comes `_AHEAD` bytes after this part, of which a core would else wait for half."""
    begin = part.ctypes.data + _AHEAD
    for line in range(begin, begin + part.size * part.itemsize, _LINE):
        fetch(line)  # type: ignore[call-arg]  # numba's


@_compiled()
def _outputs(matrix: Any, given: np.ndarray, units: np.ndarray, out: np.ndarray, begin: int, end: int) -> None:
    weights, scale, bias = matrix
    sums = np.empty((2, _OUTPUTS), np.float32)
    for i in range(begin, end, _OUTPUTS):
        if weights.itemsize == 2:  # float32 the processor foresees; bytes are read row by row
            _read_ahead(weights[i : i + _OUTPUTS])
        for r in range(0, len(given), 2):
            pair = min(2, len(given) - r)  # of an odd number of rows the last is its own neighbour
            _block(weights, i, given[r], given[r + pair - 1], sums)
            for q in range(pair):
                for k in range(_OUTPUTS):
                    out[r + q, i + k] += sums[q, k] * scale[i + k] * units[r + q] + bias[i + k]


@_compiled(parallel=True)
def product(matrix: Any, x: np.ndarray, out: np.ndarray, parts: int) -> None:
    """Add the product of rows `x` `[R, in]` and a matrix `[outputs, in]` to `out` `[R, outputs]`.

    Args:
        matrix: weights `[outputs, in]`, what a unit of each of its rows is worth `[outputs]`, and bias `[outputs]`; see
            `linears.Matrix.suits_kernels` for the sizes.
        x: float32.
        out: float32.
        parts: in which threads share the outputs.
    """
    given, units = _ready(matrix[0], x)
    blocks = len(matrix[0]) // _OUTPUTS
    for part in numba.prange(parts):
        place: Any = np.int64(part)  # the counter has no sign, and times a signed number it would be a float
        begin, end = _OUTPUTS * (blocks * place // parts), _OUTPUTS * (blocks * (place + 1) // parts)
        _outputs(matrix, given, units, out, begin, end)


@_compiled(parallel=True)
def _gelu(x: np.ndarray, parts: int) -> None:
    """In place, https://arxiv.org/abs/1606.08415."""
    flat = x.reshape(-1)
    for part in numba.prange(parts):
        place: Any = np.int64(part)
        for i in range(flat.size * place // parts, flat.size * (place + 1) // parts):
            flat[i] *= _F(0.5) * (_F(1) + _F(math.erf(flat[i] * _F(math.sqrt(0.5)))))


@_compiled(fastmath=_MATH)
def _normed(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, eps: float, out: np.ndarray) -> None:
    for r in range(len(x)):
        mean = x[r].mean()
        spread = _F(0)
        for j in range(x.shape[1]):
            spread += (x[r, j] - mean) ** 2
        inverse = _F(1 / math.sqrt(spread / x.shape[1] + eps))
        for j in range(x.shape[1]):
            out[r, j] = (x[r, j] - mean) * inverse * weight[j] + bias[j]


@_compiled(fastmath=_MATH)
def _attended(query: np.ndarray, keys: np.ndarray, values: np.ndarray, length: int, out: np.ndarray) -> None:
    shares = np.empty(length, np.float32)
    for t in range(length):
        _read_ahead(keys[t])
        likeness = _F(0)
        for j in range(query.size):
            likeness += query[j] * _wide(keys[t, j])
        shares[t] = likeness
    highest, total = shares.max(), _F(0)
    for t in range(length):
        shares[t] = math.exp(shares[t] - highest)
        total += shares[t]
    out[:] = _F(0)
    for t in range(length):
        _read_ahead(values[t])
        share = shares[t] / total
        for j in range(query.size):
            out[j] += share * _wide(values[t, j])


@_compiled(parallel=True)
def _attention(packed: np.ndarray, past: np.ndarray, position: int, out: np.ndarray) -> None:
    rows, heads, size = past.shape[1], past.shape[2], past.shape[4]
    root = _F(1 / math.sqrt(size))
    for unit in numba.prange(rows * heads):
        r, head = np.int64(unit) // heads, np.int64(unit) % heads
        mine = slice(head * size, (head + 1) * size)
        queries, keys, values = packed[r].reshape(3, heads * size)
        for j in range(size):
            past[0, r, head, position, j] = _narrow(keys[mine][j], past[0, 0, 0, 0, 0])
            past[1, r, head, position, j] = _narrow(values[mine][j], past[0, 0, 0, 0, 0])
        _attended(queries[mine] * root, past[0, r, head], past[1, r, head], position + 1, out[r, mine])


@_compiled()
def layer(
    x: np.ndarray, past: np.ndarray, position: int, parts: int, eps: float, norm1: Any, norm2: Any, qkv: Any,
    leave: Any, up: Any, down: Any,
) -> None:  # fmt: skip
    """Put rows through a layer, in place: `x + attention(norm(x))`, then `x + down(gelu(up(norm(x))))`.

    Args:
        x: rows `[R, D]`, float32.
        past: keys and values `[2, R, heads, T, d]`; those of this position are written.
        position: of the rows, below T.
        parts: in which threads share a product.
        eps: of both norms.
        norm1: weight and bias `[D]` of the first.
        norm2: of the second.
        qkv: the matrix, see `product`, of what makes queries, keys and values.
        leave: of what leaves attention.
        up: of the feed-forward's first half.
        down: of its second.
    """
    normed, packed = np.empty_like(x), np.zeros((len(x), 3 * x.shape[1]), np.float32)
    between = np.zeros((len(x), len(up[0])), np.float32)
    _normed(x, norm1[0], norm1[1], eps, normed)
    product(qkv, normed, packed, parts)
    _attention(packed, past, position, normed)
    product(leave, normed, x, parts)
    _normed(x, norm2[0], norm2[1], eps, normed)
    product(up, normed, between, parts)
    _gelu(between, parts)
    product(down, between, x, parts)

"""Numbers as weights, keys and values hold them, and functions of them that vector units compute.

Weights and keys are float32, bfloat16 (as uint16, which numba has), or bytes with what each row's unit is worth.
"""

import math
from functools import partial
from typing import Any

import numba
import numpy as np
from numba import types
from numba.extending import overload

compiled = partial(numba.njit, error_model="numpy", nogil=True)
SUMS = {"reassoc", "contract", "arcp", "nsz"}  # may be reordered, as vector units need it; NaN stays NaN
F = np.float32
_HIGHEST, _HIGHEST_BYTE = 32_767, 127
_LEAST = F(1e-30)


def keep(numbers: Any, units: Any, place: Any, x: Any) -> Any:
    """Write float32 `x` `[d]` to `numbers[place]` in their precision, and what a unit of them is worth."""


@overload(keep, strict=False)
def _keep(numbers: Any, units: Any, place: Any, x: Any) -> Any:
    kinds = {types.int8: _keep_bytes, types.uint16: _keep_halves}
    kept = kinds.get(numbers.dtype, _keep_floats)
    return lambda numbers, units, place, x: kept(numbers[place], units, place, x)


@compiled()
def _keep_bytes(numbers: np.ndarray, units: np.ndarray, place: int, x: np.ndarray) -> None:
    units[place] = _largest(x) / F(_HIGHEST_BYTE)
    inverse = F(1) / max(units[place], _LEAST)
    for j in range(x.size):
        numbers[j] = np.int8(np.rint(x[j] * inverse))


@compiled()
def _keep_halves(numbers: np.ndarray, units: np.ndarray, place: int, x: np.ndarray) -> None:
    for j in range(x.size):
        numbers[j] = rounded(x[j])


@compiled()
def _keep_floats(numbers: np.ndarray, units: np.ndarray, place: int, x: np.ndarray) -> None:
    numbers[:] = x


@compiled()
def rounded(value: np.float32) -> Any:
    """Float32 as bfloat16, to the nearest, to an even one between two."""
    bits = np.float32(value).view(np.uint32)
    even = (bits >> np.uint32(16)) & np.uint32(1)
    return np.uint16((bits + np.uint32(0x7FFF) + even) >> np.uint32(16))


def ready(weights: Any, x: Any) -> Any:
    """Rows `[R, in]` as the weights want them, and what a unit of each row is worth `[R]`."""


@overload(ready, strict=False)
def _ready(weights: Any, x: Any) -> Any:
    if weights.dtype == types.int8:
        return lambda weights, x: _whole(x)
    return lambda weights, x: (x, np.ones(len(x), np.float32))


@compiled()
def _whole(x: np.ndarray) -> Any:
    """Rows as whole numbers, as fine as sums of 32 bits allow."""
    highest = F(min(_HIGHEST, (2**31 - 1) // (_HIGHEST_BYTE * x.shape[1])))
    units, given = np.empty(len(x), np.float32), np.empty(x.shape, np.int16)
    for row in range(len(x)):
        units[row] = _largest(x[row]) / highest
        inverse = F(1) / max(units[row], _LEAST)
        for j in range(x.shape[1]):
            given[row, j] = np.int16(np.rint(x[row, j] * inverse))
    return given, units


@compiled()
def _largest(x: np.ndarray) -> Any:
    """The largest number without its sign; NaN if one is NaN: without the sign, bits are in the numbers' order."""
    bits, largest = x.view(np.int32), np.zeros(1, np.int32)
    for j in range(bits.size):
        largest[0] = max(largest[0], bits[j] & np.int32(0x7FFFFFFF))
    return largest.view(np.float32)[0]


@compiled()
def exp(x: np.float32) -> Any:
    """Of a number that is not above 0, without a branch or a call, as vector units need it.

    Cephes' way (https://netlib.org/cephes): a power of 2, and a polynomial within half a step of it.
    """
    x = F(-87) if x < F(-87) else x  # what is below comes to nothing
    power = np.rint(x * F(1.44269504))
    x = (x - power * F(0.693359375)) + power * F(2.12194440e-4)
    series = ((F(1.9875691e-4) * x + F(1.3981999e-3)) * x + F(8.3334519e-3)) * x + F(4.1665795e-2)
    series = (series * x + F(1.6666665e-1)) * x + F(0.5)
    bits = np.int32(np.int32(power) + np.int32(127)) << np.int32(23)
    return (series * x * x + x + F(1)) * np.int32(bits).view(np.float32)


@compiled()
def gelu(x: np.float32) -> Any:
    """https://arxiv.org/abs/1606.08415, its erf by formula 7.1.26 of Abramowitz and Stegun's handbook (1.5e-7)."""
    z = abs(x) * F(math.sqrt(0.5))
    t = F(1) / (F(1) + F(0.3275911) * z)
    series = ((F(1.061405429) * t - F(1.453152027)) * t + F(1.421413741)) * t - F(0.284496736)
    series = series * t + F(0.254829592)
    beyond = F(0.5) * series * t * exp(-z * z)  # the share of a normal distribution that is further out
    return x * (beyond if x < F(0) else F(1) - beyond)

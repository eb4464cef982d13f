"""The two passes of D-Adaptation Adam on a CPU, compiled: memory is read once in each."""

import numba
import numpy as np

_BLOCK = 1 << 14  # elements a thread takes at once; sums are single precision within, double across
# A division by zero that raises, as Python's does, would keep the loops from vector units: hence error_model.
_MATH = {"reassoc", "contract", "arcp", "nsz"}  # sums may be reordered, as vector units need it; NaN stays NaN


@numba.njit(fastmath=_MATH, error_model="numpy", cache=True)
def _gather_block(
    gradient: np.ndarray, average: np.ndarray, square: np.ndarray, s: np.ndarray, beta1: np.float32, beta2: np.float32,
    eps: np.float32, step1: np.float32, step2: np.float32,
) -> tuple[np.float32, np.float32, np.float32]:  # fmt: skip
    rest = np.float32(1) - beta2
    g_sq = sksq = sk_l1 = np.float32(0)
    for i in range(gradient.size):
        g = gradient[i]
        average[i] = beta1 * average[i] + step1 * g
        v = beta2 * square[i] + rest * g * g
        square[i] = v
        k = beta2 * s[i] + step2 * g
        s[i] = k
        inverse = np.float32(1) / (np.sqrt(v) + eps)
        g_sq += g * g * inverse
        sksq += k * k * inverse
        sk_l1 += abs(k)
    return g_sq, sksq, sk_l1


@numba.njit(parallel=True, error_model="numpy", cache=True)
def gather(
    gradient: np.ndarray, average: np.ndarray, square: np.ndarray, s: np.ndarray, beta1: np.float32, beta2: np.float32,
    eps: np.float32, step1: np.float32, step2: np.float32,
) -> tuple[float, float, float]:  # fmt: skip
    """Update the averages of float32 arrays `[N]` in place; returns the sums of g^2/v, s^2/v and |s|.

    Args:
        gradient: g.
        average: of the gradient.
        square: average of its square.
        s: weighted sum of gradients.
        beta1: decay of `average`.
        beta2: decay of `square` and `s`.
        eps: added to the root of `square`.
        step1: weight of the gradient in `average`.
        step2: in `s`.
    """
    blocks = (gradient.size + _BLOCK - 1) // _BLOCK
    sums = np.empty((blocks, 3))  # added in order, so that the number of threads does not change the result
    for block in numba.prange(blocks):
        part = slice(np.int64(block) * _BLOCK, (np.int64(block) + 1) * _BLOCK)
        sums[block] = _gather_block(
            gradient[part], average[part], square[part], s[part], beta1, beta2, eps, step1, step2
        )
    g_sq = sksq = sk_l1 = 0.0
    for block in range(blocks):
        g_sq += sums[block, 0]
        sksq += sums[block, 1]
        sk_l1 += sums[block, 2]
    return g_sq, sksq, sk_l1


@numba.njit(fastmath=_MATH, error_model="numpy", cache=True)
def _move_block(
    parameter: np.ndarray, average: np.ndarray, square: np.ndarray, eps: np.float32, shrink: np.float32
) -> None:
    for i in range(parameter.size):
        parameter[i] = shrink * parameter[i] - average[i] / (np.sqrt(square[i]) + eps)


@numba.njit(parallel=True, error_model="numpy", cache=True)
def move(parameter: np.ndarray, average: np.ndarray, square: np.ndarray, eps: np.float32, shrink: np.float32) -> None:
    """`parameter * shrink - average / (sqrt(square) + eps)` of float32 arrays `[N]`, in place."""
    for block in numba.prange((parameter.size + _BLOCK - 1) // _BLOCK):
        part = slice(np.int64(block) * _BLOCK, (np.int64(block) + 1) * _BLOCK)
        _move_block(parameter[part], average[part], square[part], eps, shrink)

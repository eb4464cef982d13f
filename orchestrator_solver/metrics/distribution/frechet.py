"""The Fréchet distance of two sets of embeddings, each taken for a normal distribution (Heusel et al. 2017).

On embeddings of audio it is FAD (Kilgour et al. 2019). Few samples make it too large, since their covariances are too
flat: sets of different sizes do not compare, nor do those smaller than the embedding is wide with any others' figures.
`unbiased` estimates what would be left with infinitely many.
"""

from collections.abc import Callable

import numpy as np

_LEAST_SHARE = 0.3  # of the samples in the smallest subset
_SUBSETS = 10


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """Of sets `[N, D]` and `[M, D]`: |μ - ν|² + tr(Σ + Λ - 2 (ΣΛ)^½), in the embedding's units squared; NaN below two.

    With Σ = RᵀR the root's trace is that of the symmetric RΛRᵀ's root, whose eigenvalues are real and not negative:
    `scipy`'s general root of ΣΛ gives the same, and complex noise where sets are small.
    """
    if min(len(a), len(b)) < 2:
        return np.nan
    a, b = sorted((np.asarray(a, np.float64), np.asarray(b, np.float64)), key=len)
    difference = a.mean(axis=0) - b.mean(axis=0)
    first, second = _centred(a), _centred(b)
    shared = second @ _factor(first).T
    root = np.sqrt(np.clip(np.linalg.eigvalsh(shared.T @ shared), 0, None)).sum()
    return max(float(difference @ difference + np.square(first).sum() + np.square(second).sum() - 2 * root), 0.0)


def _centred(rows: np.ndarray) -> np.ndarray:
    """X `[N, D]` of a covariance XᵀX; the sum of its squares is the covariance's trace."""
    return (rows - rows.mean(axis=0)) / np.sqrt(len(rows) - 1)


def _factor(centred: np.ndarray) -> np.ndarray:
    """R `[min(N, D), D]` of XᵀX = RᵀR."""
    if len(centred) <= centred.shape[1]:
        return centred
    values, vectors = np.linalg.eigh(centred.T @ centred)
    factor: np.ndarray = np.sqrt(np.clip(values, 0, None))[:, None] * vectors.T
    return factor


def unbiased(
    distance: Callable[[np.ndarray, np.ndarray], float], generated: np.ndarray, target: np.ndarray, seed: int
) -> float:
    """A distance as if of infinitely many generated samples: FAD∞ of Gui et al. 2024 (https://arxiv.org/abs/2311.01616).

    The distance of random subsets of `generated` `[N, D]` to `target` grows as a line over one by their size; this is
    where the line meets 0. It may be negative where the two hardly differ.
    """
    rng = np.random.default_rng(seed)
    sizes = np.linspace(max(2, _LEAST_SHARE * len(generated)), len(generated), _SUBSETS).astype(int)
    subsets = (generated[rng.permutation(len(generated))[:size]] for size in sizes)
    _, meets = np.polyfit(1 / sizes, [distance(subset, target) for subset in subsets], 1)
    return float(meets)

"""Whether a difference between rows may be chance, and how small a one can be seen.

The unit is the work: clips of one work are alike, and so are takes of one clip.
"""

import math
from collections.abc import Hashable, Sequence
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

LEVEL, POWER = 0.05, 0.8


@dataclass(frozen=True)
class Test:
    """A mean of paired differences, tested against 0.

    Attributes:
        p: chance of a mean as far from 0, were the two rows alike (see `sign_flip`); NaN where there is one work.
        corrected: the same, for as many tests as there are in the table (see `holm`).
        detectable: the least true difference that as many works show in 80 of 100 evaluations, at a level of 5 %.
    """

    __test__ = False  # pytest: not a test class

    p: float
    corrected: float
    detectable: float

    @property
    def significant(self) -> bool:
        """At the level of 5 %, after correction."""
        return self.corrected < LEVEL

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; null where not defined."""
        return {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}


def sign_flip(differences: Sequence[float] | np.ndarray, groups: Sequence[Hashable], seed: int) -> float:
    """p-value of the mean of paired differences `[N]`, by flipping the sign of whole works (`groups` `[N]`).

    Exact where 10,000 or fewer flips are possible (13 works), otherwise of 10,000 drawn ones; two-sided.

    Source: Good, Permutation, Parametric and Bootstrap Tests of Hypotheses, 3rd ed. 2005, 3.6.
    """
    from scipy.stats import permutation_test

    sums = _by_group(differences, groups)[0]
    if len(sums) < 2:
        return math.nan
    found = permutation_test(
        (sums, np.zeros_like(sums)), _difference_of_means, permutation_type="samples", vectorized=True,
        n_resamples=10_000, rng=np.random.default_rng(seed),
    )  # fmt: skip
    return float(found.pvalue)


def _difference_of_means(one: np.ndarray, other: np.ndarray, axis: int) -> np.ndarray:
    means: np.ndarray = np.mean(one, axis=axis) - np.mean(other, axis=axis)
    return means


def holm(p_values: Sequence[float]) -> list[float]:
    """p-values, corrected for their number so that none is small by chance (family-wise); NaN stays and counts not.

    Source: Holm, A simple sequentially rejective multiple test procedure, Scand. J. Statist. 6 (1979).
    """
    tested = sorted((p, place) for place, p in enumerate(p_values) if not math.isnan(p))
    corrected, largest = [math.nan] * len(p_values), 0.0
    for rank, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, p * (len(tested) - rank)))
        corrected[place] = largest
    return corrected


def detectable(differences: Sequence[float] | np.ndarray, groups: Sequence[Hashable]) -> float:
    """The least true mean that a test of as many works finds with a power of 80 %, at a level of 5 %.

    By the normal approximation and the variance between works (linearised, as of a ratio: works differ in size).
    """
    sums, sizes = _by_group(differences, groups)
    works = len(sums)
    if works < 2:
        return math.nan
    residuals = sums - sizes * sums.sum() / sizes.sum()
    error = math.sqrt(works / (works - 1) * np.square(residuals).sum()) / sizes.sum()
    normal = NormalDist()
    return (normal.inv_cdf(1 - LEVEL / 2) + normal.inv_cdf(POWER)) * error


def works_needed(smallest: float, works: int, size: float) -> int:
    """How many works show a difference of `size`, if `works` of them show one of `smallest` (`detectable`)."""
    return math.ceil(works * (smallest / size) ** 2)


def _by_group(values: Sequence[float] | np.ndarray, groups: Sequence[Hashable]) -> tuple[np.ndarray, np.ndarray]:
    """Sums and sizes of every group `[G]`, over the values that are defined."""
    kept = [
        (group, value) for group, value in zip(groups, np.asarray(values, np.float64), strict=True) if value == value
    ]
    places = {group: place for place, group in enumerate(dict.fromkeys(group for group, _ in kept))}
    index = np.array([places[group] for group, _ in kept], dtype=np.int64)
    sums = np.bincount(index, weights=[value for _, value in kept], minlength=len(places))
    return sums, np.bincount(index, minlength=len(places)).astype(np.float64)

"""Confidence intervals of means over clips, by resampling works, and seeds.

Clips of one work are alike (same notes, same key), so resampling clips as if they were independent gives intervals that
are too narrow; scipy's bootstrap knows no clusters. The intervals are percentile intervals: with fewer than about
10 works they, too, come out narrow, and `Interval.groups` is there to be shown beside them.
"""

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

LEVEL = 0.95
_BOUNDS = ("mean", "low", "high")


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval.

    Attributes:
        mean: over the clips, NaN when there are none.
        low, high: bounds; NaN where a single work says nothing of how works differ.
        n: clips that count (a score that is NaN does not).
        groups: works they come from.
        undefined: clips left out because their score is NaN.
    """

    mean: float
    low: float
    high: float
    n: int
    groups: int
    undefined: int

    def text(self, signed: bool = False, undefined: str = "-") -> str:
        """`0.512 [0.480, 0.544]`; a difference carries its sign."""
        if not math.isfinite(self.mean):
            return undefined
        sign = "+" if signed else ""
        if not math.isfinite(self.low):
            return f"{self.mean:{sign}.3f} (one work)"
        mean, low, high = (round(value, 3) + 0.0 for value in (self.mean, self.low, self.high))  # no -0.000
        return f"{mean:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]"

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; null where not defined."""
        return {name: _null_or(value) if name in _BOUNDS else value for name, value in asdict(self).items()}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> "Interval":
        """What `to_json` wrote."""
        values: dict[str, Any] = {name: math.nan if value is None else value for name, value in record.items()}
        return cls(**values)


def _null_or(value: float) -> float | None:
    return value if math.isfinite(value) else None


def lines_of(intervals: Mapping[str, Interval]) -> str:
    """A line an interval, for a terminal: its name, mean and bounds, and how many clips and works it stands on."""
    return "\n".join(
        f"{name:18} {interval.text()}  {interval.n} clips, {interval.groups} works"
        for name, interval in intervals.items()
    )


def bootstrap(
    scores: Sequence[float] | np.ndarray, groups: Sequence[Hashable], seed: int, resamples: int = 10_000,
    takes: Sequence[int] | None = None,
) -> Interval:  # fmt: skip
    """Mean of `scores` `[N]` over clips, its interval over the works that `groups` `[N]` names.

    Where `takes` `[N]` names the seed that each score came from, seeds are resampled as well, independently of works.

    Source: Owen, The pigeonhole bootstrap, Ann. Appl. Stat. 1 (2007), for two crossed levels.
    """
    values = np.asarray(scores, dtype=np.float64)
    if len(values) != len(groups):
        raise ValueError(f"{len(values)} scores but {len(groups)} groups")
    kept = np.isfinite(values)
    names = {name: None for name, keep in zip(groups, kept, strict=True) if keep}
    undefined = int((~kept).sum())
    if not names:
        return Interval(np.nan, np.nan, np.nan, 0, 0, undefined)
    numbers = {name: number for number, name in enumerate(names)}
    index = np.array([numbers[name] for name, keep in zip(groups, kept, strict=True) if keep])
    values = values[kept]
    if len(names) == 1:
        return Interval(float(values.mean()), np.nan, np.nan, len(values), 1, undefined)
    seeds = np.zeros(len(values), np.int64) if takes is None else np.asarray(takes, np.int64)[kept]
    means = _resampled_means(values, index, np.unique(seeds, return_inverse=True)[1], seed, resamples)
    low, high = np.quantile(means, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(values.mean()), float(low), float(high), len(values), len(names), undefined)


def paired_bootstrap(
    a: Sequence[float] | np.ndarray,
    b: Sequence[float] | np.ndarray,
    groups: Sequence[Hashable],
    seed: int,
    resamples: int = 10_000,
    takes: Sequence[int] | None = None,
) -> Interval:
    """Mean of `a - b` for scores of the same clips in the same order; a clip counts where both are defined."""
    left, right = np.asarray(a, dtype=np.float64), np.asarray(b, dtype=np.float64)
    if left.shape != right.shape:
        raise ValueError(f"paired scores of {left.shape} and {right.shape} clips")
    return bootstrap(left - right, groups, seed, resamples, takes)


def _resampled_means(
    values: np.ndarray, works: np.ndarray, takes: np.ndarray, seed: int, resamples: int
) -> np.ndarray:  # fmt: skip
    """Means over clips `[resamples]`: works are drawn with replacement, each with all of its clips, and so are takes.

    Args:
        values: of the clips `[N]`.
        works: number of each clip's work, 0 to W - 1.
        takes: number of each clip's take, 0 to K - 1.
        seed: of the draws.
        resamples: how many.
    """
    shape, rng = (works.max() + 1, takes.max() + 1), np.random.default_rng(seed)
    place = np.ravel_multi_index((works, takes), shape)
    sums = np.bincount(place, weights=values, minlength=math.prod(shape)).reshape(shape)
    sizes = np.bincount(place, minlength=math.prod(shape)).reshape(shape)
    # How often each was drawn.
    of_works, of_takes = (rng.multinomial(count, np.full(count, 1 / count), size=resamples) for count in shape)
    drawn, counted = ((of_works @ table * of_takes).sum(1) for table in (sums, sizes))
    with np.errstate(invalid="ignore"):
        means = drawn / counted
    return means[counted > 0]  # none of the clips of the works drawn may have a take that was drawn

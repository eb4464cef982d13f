"""The interval of a set's score, by resampling works as `statistics/bootstrap.py` does."""

from collections.abc import Hashable, Sequence

import numpy as np

from ...statistics.bootstrap import LEVEL, Interval
from ..clips import SetMetric


def interval_of(
    metric: SetMetric, generated: np.ndarray, target: np.ndarray, works: Sequence[Hashable], seed: int,
    resamples: int = 200,
) -> Interval:  # fmt: skip
    """The score of takes and targets of the same N clips, and its 95 % interval.

    A work that is drawn twice makes a set flatter, and thereby every resample's distance larger, which says nothing of
    how works differ. So the resamples' deviations from their own mean are laid around the score of the whole set.

    Args:
        metric: see `registry.SET_METRICS`.
        generated, target: its embeddings of the takes and of their targets `[N, D]`; a clip of which either is NaN
            (silent) is left out and counted.
        works: the work of each clip `[N]`.
        seed: of the resampling.
        resamples: how many.
    """
    if not len(generated) == len(target) == len(works):
        raise ValueError(f"{len(generated)} takes, {len(target)} targets and {len(works)} works")
    kept = np.flatnonzero(np.isfinite(generated).all(axis=1) & np.isfinite(target).all(axis=1))
    rows: dict[Hashable, list[int]] = {}
    for row in kept.tolist():
        rows.setdefault(works[row], []).append(row)
    mean, low, high = metric.distance(generated[kept], target[kept]), np.nan, np.nan
    if len(rows) > 1 and np.isfinite(mean):
        scores = _resampled(metric, generated, target, list(rows.values()), np.random.default_rng(seed), resamples)
        low, high = mean + np.quantile(scores - scores.mean(), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Interval(float(mean), float(low), float(high), len(kept), len(rows), len(works) - len(kept))


def _resampled(
    metric: SetMetric, generated: np.ndarray, target: np.ndarray, rows: Sequence[list[int]],
    rng: np.random.Generator, resamples: int,
) -> np.ndarray:  # fmt: skip
    """Scores of sets of as many works, drawn with replacement; a work brings all of its rows."""
    draws = rng.integers(len(rows), size=(resamples, len(rows)))
    drawn = (np.concatenate([rows[work] for work in draw]) for draw in draws)
    return np.array([metric.distance(generated[chosen], target[chosen]) for chosen in drawn])

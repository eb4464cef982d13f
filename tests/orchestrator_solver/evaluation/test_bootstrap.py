"""Intervals: equal to scipy's without clusters, holding their level with them, and written in one way."""

import numpy as np
import pytest
from scipy import stats

from orchestrator_solver.statistics.bootstrap import Interval, bootstrap, lines_of, paired_bootstrap


def test_equals_scipy_when_every_clip_is_its_own_work():
    values = np.random.default_rng(1).gamma(2.0, size=60)
    ours = bootstrap(values, range(60), seed=2, resamples=20_000)
    theirs = stats.bootstrap(
        (values,), np.mean, n_resamples=20_000, method="percentile", rng=np.random.default_rng(3)
    ).confidence_interval
    assert ours.mean == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.015)
    assert (ours.n, ours.groups, ours.undefined) == (60, 60, 0)


def test_covers_the_truth_when_clips_of_a_work_are_alike():
    rng = np.random.default_rng(4)
    works, clips = 30, 8
    groups = np.repeat(np.arange(works), clips)
    covered, naive = 0, 0
    for trial in range(200):
        scores = rng.normal(size=works)[groups] + 0.5 * rng.normal(size=works * clips)
        interval = bootstrap(scores, groups.tolist(), seed=trial, resamples=500)
        covered += interval.low <= 0 <= interval.high
        interval = bootstrap(scores, range(len(scores)), seed=trial, resamples=500)
        naive += interval.low <= 0 <= interval.high
    assert 0.88 <= covered / 200 <= 0.99
    assert naive / 200 < 0.75  # what the clusters are for


def test_pairs_cancel_what_the_works_share():
    rng = np.random.default_rng(5)
    groups = np.repeat([f"work {n}" for n in range(12)], 5).tolist()
    shared = np.repeat(rng.normal(scale=10, size=12), 5)
    a, b = shared + 0.5 + 0.1 * rng.normal(size=60), shared + 0.1 * rng.normal(size=60)
    interval = paired_bootstrap(a, b, groups, seed=0)
    assert 0.4 < interval.low < interval.mean < interval.high < 0.6
    assert interval.groups == 12


def test_unequal_works_weigh_by_their_clips():
    interval = bootstrap([1.0, 1.0, 1.0, 0.0], ["a", "a", "a", "b"], seed=0)
    assert interval.mean == 0.75
    assert (interval.low, interval.high) == (0.0, 1.0)


def test_undefined_scores_are_counted_not_averaged():
    interval = bootstrap([0.2, np.nan, 0.4], ["a", "b", "b"], seed=0)
    assert (interval.mean, interval.n, interval.groups, interval.undefined) == (pytest.approx(0.3), 2, 2, 1)
    pair = paired_bootstrap([0.2, np.nan, 0.4], [np.nan, 0.1, 0.1], ["a", "b", "c"], seed=0)
    assert (pair.mean, pair.n, pair.undefined) == (pytest.approx(0.3), 1, 2)
    nothing = bootstrap([np.nan], ["a"], seed=0)
    assert np.isnan(nothing.mean) and nothing.n == 0 and nothing.undefined == 1


def test_one_work_has_no_interval():
    interval = bootstrap([0.2, 0.4], ["a", "a"], seed=0)
    assert interval.mean == pytest.approx(0.3) and np.isnan(interval.low) and np.isnan(interval.high)
    assert (interval.n, interval.groups) == (2, 1)


def test_the_seed_decides():
    scores, groups = np.random.default_rng(6).normal(size=40), [n // 4 for n in range(40)]
    assert bootstrap(scores, groups, seed=1) == bootstrap(scores, groups, seed=1)
    assert bootstrap(scores, groups, seed=1) != bootstrap(scores, groups, seed=2)


def test_seeds_are_a_further_level():
    """Where seeds differ more than works, the interval is theirs; with one seed it is that of works alone."""
    rng = np.random.default_rng(7)
    works, seeds = np.repeat(np.arange(40), 3), np.tile(np.arange(3), 40)
    scores = rng.normal(size=3)[seeds] + 0.1 * rng.normal(size=120)
    alone, crossed = bootstrap(scores, works, seed=0), bootstrap(scores, works, seed=0, takes=seeds)
    assert crossed.mean == alone.mean and crossed.high - crossed.low > 5 * (alone.high - alone.low)
    assert bootstrap(scores, works, seed=0, takes=np.zeros(120, int)) == alone


def test_lengths_must_agree():
    with pytest.raises(ValueError, match="3 scores but 2 groups"):
        bootstrap([1, 2, 3], [1, 2], seed=0)
    with pytest.raises(ValueError, match="paired scores"):
        paired_bootstrap([1, 2, 3], [1, 2], [1, 2, 3], seed=0)


def test_how_an_interval_is_written():
    assert Interval(0.5, 0.25, 0.75, 9, 3, 0).text() == "0.500 [0.250, 0.750]"
    assert Interval(0.5, 0.25, 0.75, 9, 3, 0).text(signed=True) == "+0.500 [+0.250, +0.750]"
    assert Interval(0.5, -0.25, 0.75, 9, 3, 0).text(signed=True) == "+0.500 [-0.250, +0.750]"
    assert bootstrap([0.5], ["a"], seed=0).text() == "0.500 (one work)"
    assert bootstrap([np.nan], ["a"], seed=0).text() == "-"
    assert lines_of({"SIM": Interval(0.5, 0.25, 0.75, 9, 3, 0)}).endswith(" 0.500 [0.250, 0.750]  9 clips, 3 works")


def test_an_interval_in_json_is_the_same_again():
    for interval in (Interval(0.5, 0.25, 0.75, 9, 3, 1), bootstrap([0.5], ["a"], seed=0), bootstrap([], [], seed=0)):
        record = interval.to_json()
        assert all(value is None or np.isfinite(value) for value in record.values())
        assert repr(Interval.from_json(record)) == repr(interval)

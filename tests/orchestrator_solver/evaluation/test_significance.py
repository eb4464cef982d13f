"""Tests of differences: exact on few works, holding their level, corrected, and honest about what they can see."""

import numpy as np
import pytest
from scipy import stats

from orchestrator_solver.statistics.significance import Test, detectable, holm, sign_flip, works_needed


def test_few_works_are_counted_out() -> None:
    """Of three works all flips are eight, two of which are as far from 0 as three differences of one sign."""
    assert sign_flip([1.0, 2.0, 3.0], ["a", "b", "c"], 0) == pytest.approx(2 / 8)
    assert sign_flip([1.0, 1.0, 2.0, 3.0], ["a", "a", "b", "c"], 0) == pytest.approx(2 / 8)
    assert np.isnan(sign_flip([1.0, 2.0], ["a", "a"], 0)), "one work says nothing"
    assert sign_flip([1.0, np.nan, 2.0, 3.0], ["a", "b", "c", "d"], 0) == pytest.approx(2 / 8)


def test_holds_its_level_where_clips_of_a_work_are_alike() -> None:
    rng = np.random.default_rng(0)
    works = np.repeat(np.arange(20), 6)
    found = [
        sign_flip(rng.normal(size=20)[works] + 0.3 * rng.normal(size=120), works.tolist(), trial) < 0.05
        for trial in range(120)
    ]
    naive = [stats.ttest_1samp(rng.normal(size=20)[works], 0).pvalue < 0.05 for _ in range(120)]
    assert np.mean(found) < 0.11 < np.mean(naive)


def test_correction_is_holms() -> None:
    """Against the published example of three tests, and never below the uncorrected."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    corrected = holm([0.5, np.nan, 0.001])
    assert corrected[0] == 0.5 and np.isnan(corrected[1]) and corrected[2] == pytest.approx(0.002)
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_what_is_detectable_is_detected_in_four_of_five() -> None:
    rng, works, clips = np.random.default_rng(1), 30, 5
    groups = np.repeat(np.arange(works), clips)

    def draw() -> np.ndarray:
        return rng.normal(size=works)[groups] + 0.5 * rng.normal(size=works * clips)

    size = float(np.mean([detectable(draw(), groups.tolist()) for _ in range(20)]))
    seen = [sign_flip(draw() + size, groups.tolist(), trial) < 0.05 for trial in range(120)]
    assert 0.7 < np.mean(seen) < 0.9
    assert np.isnan(detectable([1.0, 2.0], ["a", "a"]))


def test_half_the_difference_needs_four_times_the_works() -> None:
    assert works_needed(0.1, 30, 0.05) == 120


def test_undefined_is_null() -> None:
    assert Test(0.01, np.nan, 0.2).to_json() == {"p": 0.01, "corrected": None, "detectable": 0.2}
    assert Test(0.001, 0.04, 0.2).significant and not Test(0.001, np.nan, 0.2).significant

"""Distances of sets: equal to scipy's root and to torchmetrics, larger for other music, with intervals over works."""

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import nn
from torchmetrics.image.fid import FrechetInceptionDistance

from orchestrator_solver.metrics.distribution.frechet import frechet_distance, unbiased
from orchestrator_solver.metrics.distribution.interval import interval_of
from orchestrator_solver.metrics.registry import SET_METRICS

RATE = 16_000


def rows(count: int, width: int, seed: int, shift: float = 0.0) -> np.ndarray:
    """Correlated, of unequal spread."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, width)) @ rng.normal(size=(width, width)) * np.linspace(0.1, 2, width) + shift


@pytest.mark.filterwarnings("ignore:Matrix is singular")
@pytest.mark.parametrize(
    ("ours", "theirs", "width"), [(500, 400, 12), (60, 50, 60), (20, 31, 64), (300, 2, 8), (9, 9, 1)]
)
def test_the_distance_is_that_of_scipys_root(ours: int, theirs: int, width: int) -> None:
    """Also where the covariances have no full rank."""
    a, b = rows(ours, width, 0), rows(theirs, width, 1, 0.5)
    first, second = (np.atleast_2d(np.cov(each, rowvar=False)) for each in (a, b))
    root = np.real(scipy.linalg.sqrtm(first @ second))
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(first + second - 2 * root)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-5)
    assert frechet_distance(b, a) == pytest.approx(frechet_distance(a, b), rel=1e-7)


def test_the_distance_is_that_of_torchmetrics() -> None:
    class Same(nn.Identity):
        num_features = 16

    peer, a, b = FrechetInceptionDistance(Same()), rows(200, 16, 0), rows(150, 16, 1, 1.0)
    peer.update(torch.from_numpy(a), real=True)
    peer.update(torch.from_numpy(b), real=False)
    assert frechet_distance(b, a) == pytest.approx(peer.compute().item(), rel=1e-4)


@pytest.mark.filterwarnings("error")
def test_the_same_set_is_at_no_distance_and_one_clip_is_no_set() -> None:
    a = rows(40, 64, 0)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-6 * np.square(a).sum() / 40)
    assert frechet_distance(a, a + 3) == pytest.approx(9 * 64)
    assert np.isnan(frechet_distance(a, a[:1])) and np.isnan(frechet_distance(a[:0], a))


def test_few_samples_are_too_far_and_the_extrapolated_distance_is_not() -> None:
    rng = np.random.default_rng(0)
    target, generated = rng.normal(size=(20_000, 24)), rng.normal(size=(600, 24)) + 0.2
    truth = 24 * 0.04
    assert frechet_distance(generated[:60], target) > frechet_distance(generated, target) > truth + 0.1
    found = [unbiased(frechet_distance, generated, target, seed) for seed in range(5)]
    assert np.mean(found) == pytest.approx(truth, abs=0.1)
    assert unbiased(frechet_distance, generated, target, 3) == found[3]


class Given:
    """Embeddings that are given."""

    label, higher_is_better = "given", False

    def embed(self, wavs, sample_rate):
        return np.stack(wavs)

    def distance(self, generated, target):
        return frechet_distance(generated, target)


def test_intervals_hold_the_score_and_are_wider_where_works_differ_more() -> None:
    rng = np.random.default_rng(0)
    target, works = rng.normal(size=(200, 6)), [f"work {n // 10}" for n in range(200)]
    alike = target + 1 + rng.normal(scale=0.1, size=(200, 6))
    unlike = target + 1 + rng.normal(scale=1.0, size=(20, 6)).repeat(10, axis=0)
    narrow, wide = (interval_of(Given(), takes, target, works, 7) for takes in (alike, unlike))
    for found in (narrow, wide):
        assert found.low < found.mean < found.high and (found.n, found.groups, found.undefined) == (200, 20, 0)
    few = interval_of(Given(), rows(60, 40, 0), rows(60, 40, 1), [n // 3 for n in range(60)], 7)
    assert few.low < few.mean < few.high, "though each set of works that are drawn twice is further off than the whole"
    assert wide.high - wide.low > 3 * (narrow.high - narrow.low)
    assert interval_of(Given(), alike, target, works, 7) == narrow != interval_of(Given(), alike, target, works, 8)


@pytest.mark.filterwarnings("error")
def test_silent_clips_are_left_out_and_counted() -> None:
    target, works = rows(30, 4, 0), [n // 3 for n in range(30)]
    takes = target + 1.0
    takes[4], takes[7] = np.nan, np.nan
    found = interval_of(Given(), takes, target, works, 0, 20)
    kept = np.isfinite(takes[:, 0])
    assert found.mean == frechet_distance(takes[kept], target[kept]) and (found.n, found.undefined) == (28, 2)
    nothing = interval_of(Given(), takes * np.nan, target, works, 0, 20)
    assert np.isnan([nothing.mean, nothing.low, nothing.high]).all() and nothing.undefined == 30
    one = interval_of(Given(), takes, target, ["the work"] * 30, 0, 20)
    assert one.mean == found.mean and np.isnan(one.low) and one.groups == 1
    with pytest.raises(ValueError, match="29 works"):
        interval_of(Given(), takes, target, works[1:], 0)


def tones(seed: int, noise: float) -> list[np.ndarray]:
    """Clips of a few tones in noise."""
    rng, time = np.random.default_rng(seed), np.arange(3 * RATE) / RATE
    return [
        (sum(np.sin(2 * np.pi * f * time) for f in rng.uniform(100, 2000, 3)) * 0.1
         + noise * rng.standard_normal(len(time))).astype(np.float32)
        for _ in range(10)
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["fad_recogniser", "fad_musicnn"])
def test_shipped_metrics_hear_noise_and_not_their_neighbours(name: str) -> None:
    metric = SET_METRICS[name]()
    same, other, noisy = (metric.embed(tones(*which), RATE) for which in ((0, 0.001), (1, 0.001), (2, 0.1)))
    assert metric.distance(same, same) < 1e-5 < metric.distance(same, other) < metric.distance(same, noisy)
    odd = [np.zeros(RATE, np.float32), tones(0, 0.001)[3], np.zeros(0, np.float32), tones(0, 0.001)[5][:4000]]
    found = metric.embed(odd, RATE)
    assert np.isnan(found).all(axis=1).tolist() == [True, False, True, False] and not np.isnan(found[1]).any()
    assert found[1] == pytest.approx(same[3], abs=1e-5)
    assert metric.embed([], RATE).shape == (0, same.shape[1])

"""KL from the tagger's probabilities, against other formulas and on known sounds."""

import numpy as np
import pytest
import torch
from scipy.special import rel_entr

from dataset_builder.errors import UserError
from orchestrator_solver.metrics.clips import Clips
from orchestrator_solver.metrics.kl import TaggerKL, kl_divergence
from orchestrator_solver.metrics.registry import build_metrics

RATE = 16_000


def random_rows(count: int = 20) -> np.ndarray:
    return np.random.default_rng(0).beta(0.3, 2, size=(count, 50))


def clips(generated, targets, instruments=(("violin",),), rate=RATE) -> Clips:
    return Clips(generated, targets, targets, list(instruments), ["violin"] * len(generated), rate)


def test_kl_equals_scipy_and_audiocraft():
    from audiocraft.metrics.kld import kl_divergence as audiocrafts

    target, generated = random_rows(), random_rows()[::-1]
    p, q = (rows / rows.sum(axis=1, keepdims=True) for rows in (target, generated))
    ours = kl_divergence(target, generated)
    assert ours == pytest.approx(rel_entr(p, q + 1e-6).sum(axis=1))
    assert ours == pytest.approx(audiocrafts(torch.from_numpy(q.copy()), torch.from_numpy(p)).numpy())


def test_kl_is_zero_for_itself_positive_for_others_and_finite_at_zero():
    rows = random_rows()
    assert kl_divergence(rows, rows) == pytest.approx(0, abs=1e-4)
    assert (kl_divergence(rows, rows[::-1]) > 0.1).all()
    one, other = np.eye(50)[:1], np.eye(50)[1:2]
    assert kl_divergence(one, other)[0] == pytest.approx(-np.log(1e-6), rel=1e-3)
    assert kl_divergence(3 * rows, rows) == pytest.approx(kl_divergence(rows, rows))  # scale is normalised away


def test_kl_of_sounds():
    rng = np.random.default_rng(0)
    noise = rng.normal(scale=0.1, size=4 * RATE).astype(np.float32)
    time = np.arange(4 * RATE) / RATE
    tone = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    metric = TaggerKL()
    same, different = metric(clips([noise, tone], [noise, noise], [()] * 2))
    assert same == pytest.approx(0, abs=1e-4) and different > 0.2
    assert metric.label == "KL(musicnn)" and not metric.higher_is_better


def test_metrics_are_built_by_name():
    metrics = build_metrics(["sim", "sim_soft", "sim_audiocraft"])
    assert [metric.label for metric in metrics.values()] == ["SIM", "SIM (soft)", "SIM (audiocraft)"]
    with pytest.raises(UserError, match="unknown metric fad: expected one of offline, "):
        build_metrics(["fad"])

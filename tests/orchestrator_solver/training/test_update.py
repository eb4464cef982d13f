"""Updates that are left out: steps that half precision skips, and losses that are not finite, with their items."""

import logging
import math
from collections.abc import Callable
from contextlib import nullcontext
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf
from support.tiny_lm import tiny_batch, tiny_lm

from dataset_builder.errors import UserError
from orchestrator_solver.features.conditions import Condition
from orchestrator_solver.runtime.running_means import RunningMeans
from orchestrator_solver.training.gradients import PreparedBatch
from orchestrator_solver.training.update import Updater

INFOS = [SimpleNamespace(meta=SimpleNamespace(path=f"Track{i}-mix"), seek_time=i / 2) for i in range(5)]


def _solver(scaler: bool = False, **optim: Any) -> SimpleNamespace:
    """As much of a solver as an update needs, with a tiny model."""
    model = tiny_lm()
    settings = {"micro_batch": None, "max_norm": 1.0, "eager_sync": True, "nonfinite_stop": 3, **optim}
    return SimpleNamespace(
        cfg=OmegaConf.create({"optim": settings}), sharding=None, model=model, autocast=nullcontext(),
        optimizer=torch.optim.AdamW(model.parameters(), lr=1e-2), lr_scheduler=None,
        scaler=torch.amp.GradScaler("cpu", init_scale=2.0**10) if scaler else None,
        deadlock_detect=SimpleNamespace(update=lambda stage: None), logger=logging.getLogger("solver"),
    )  # fmt: skip


def _poisoned(solver: SimpleNamespace, sample: int) -> PreparedBatch:
    """A batch, one sample of which has a condition that is not a number."""
    batch = tiny_batch(solver.model)
    words, mask = batch.conditions["description"]
    poison = torch.zeros_like(words)
    poison[sample] = math.nan
    poisoned = {**batch.conditions, "description": Condition(words + poison, mask)}
    return PreparedBatch(poisoned, batch.codes, batch.mask, batch.past)


def _weights(solver: SimpleNamespace) -> torch.Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in solver.model.parameters()])


@pytest.mark.parametrize("micro_batch", [None, 2])
def test_an_update_moves_the_model_and_reports(micro_batch: int | None) -> None:
    solver = _solver(micro_batch=micro_batch)
    before = _weights(solver)
    metrics = Updater(solver)(tiny_batch(solver.model), INFOS)
    assert not torch.equal(before, _weights(solver))
    assert metrics["ce"] == pytest.approx(2.9267187, abs=1e-5)
    assert metrics["ppl"] == pytest.approx(math.exp(metrics["ce"]), rel=1e-6)
    assert set(metrics) >= {"lr", "grad_norm", "ce_q1", "ce_q2", "ppl_q1"} and metrics["nonfinite"] == 0


def test_a_loss_that_is_not_finite_is_left_out_and_its_item_named(caplog: pytest.LogCaptureFixture) -> None:
    solver = _solver()
    updater, before = Updater(solver), _weights(solver)
    metrics = updater(_poisoned(solver, 3), INFOS)
    assert torch.equal(before, _weights(solver))
    assert metrics["nonfinite"] == 1 and "ce" not in metrics and "grad_norm" not in metrics
    assert caplog.messages == ["Update left out, its loss or gradient is not finite: Track3-mix at 1.50 s"]
    assert updater(tiny_batch(solver.model), INFOS)["ce"] < 3


def test_some_in_a_row_stop_the_run() -> None:
    solver = _solver(nonfinite_stop=2)
    updater = Updater(solver)
    for sample in (0, 1):  # a good one between them: not in a row
        updater(_poisoned(solver, sample), INFOS)
        updater(tiny_batch(solver.model), INFOS)
    updater(_poisoned(solver, 0), INFOS)
    with pytest.raises(UserError, match=r"2 updates in a row .* the last one with Track4-mix at 2\.00 s: look at"):
        updater(_poisoned(solver, 4), INFOS)


def test_a_gradient_that_is_not_finite_names_the_batch(caplog: pytest.LogCaptureFixture) -> None:
    solver = _solver()
    parameter = next(solver.model.parameters())
    parameter.register_hook(lambda gradient: gradient * math.inf)
    before = _weights(solver)
    assert Updater(solver)(tiny_batch(solver.model), INFOS)["nonfinite"] == 1
    assert torch.equal(before, _weights(solver))
    assert all(info.meta.path in caplog.messages[0] for info in INFOS)


@pytest.mark.parametrize("poison", [False, True])
def test_a_step_that_half_precision_skips_is_counted(poison: bool) -> None:
    """Too large a scale is no fault of an item: it is lowered, and the step has no part in the mean of gradients."""
    solver, bound = _solver(scaler=True), _overflowing
    if not poison:
        next(solver.model.parameters()).register_hook(bound(2))
    updater, before = Updater(solver), _weights(solver)
    means = RunningMeans()
    for _ in range(2):
        means.add(updater(_poisoned(solver, 0) if poison else tiny_batch(solver.model), INFOS))
    found = means.values()
    assert torch.equal(before, _weights(solver))
    assert (found["skipped"], found["nonfinite"]) == ((0, 2) if poison else (2, 0))
    assert found["grad_scale"] < 2**10 and "grad_norm" not in found and ("ce" in found) is not poison
    means.add(updater(tiny_batch(solver.model), INFOS))
    assert math.isfinite(means.values()["grad_norm"]) and not torch.equal(before, _weights(solver))


def _overflowing(times: int) -> Callable[[torch.Tensor], torch.Tensor]:
    """A hook that makes the first gradients infinite."""
    left = [times]

    def hook(gradient: torch.Tensor) -> torch.Tensor:
        left[0] -= 1
        return gradient * math.inf if left[0] >= 0 else gradient

    return hook

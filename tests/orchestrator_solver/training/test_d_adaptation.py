"""D-Adaptation Adam against audiocraft's, until d has grown."""

import copy
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch
from omegaconf import OmegaConf

from dataset_builder.errors import UserError
from orchestrator_solver.optim import d_adaptation
from orchestrator_solver.optim.d_adaptation import DAdaptAdam
from orchestrator_solver.optim.registry import OPTIMIZERS, get_optimizer


def theirs_of(*args: object, **options: object) -> torch.optim.Optimizer:
    """audiocraft's, which can be imported once our seams are closed."""
    from audiocraft.optim.dadam import DAdaptAdam as Original

    return Original(*args, **options)


OPTIONS = {"betas": (0.9, 0.95), "weight_decay": 0.1, "eps": 1e-8}
STEPS = 150


def _model() -> torch.nn.Module:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(20, 70), torch.nn.Tanh(), torch.nn.Linear(70, 5))


def _train(model: torch.nn.Module, optimizer: torch.optim.Optimizer, steps: int, first: int = 0) -> list[float]:
    """d after each step of a small regression, whose data depend on the step's number alone."""
    found = []
    for step in range(first, first + steps):
        generator = torch.Generator().manual_seed(step)
        x = torch.randn(16, 20, generator=generator).to(next(model.parameters()))
        loss = (model(x) - torch.sin(x[:, :5] * 2)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(float(optimizer.param_groups[0]["d"]))
    return found


def _same(ours: torch.nn.Module, theirs: torch.nn.Module, tolerance: float) -> None:
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        torch.testing.assert_close(mine, other, rtol=tolerance, atol=tolerance)


def _check_trajectory(dtype: torch.dtype) -> None:
    ours, theirs = _model().to(dtype), _model().to(dtype)
    mine = _train(ours, DAdaptAdam(ours.parameters(), lr=1.0, **OPTIONS), STEPS)
    other = _train(theirs, theirs_of(theirs.parameters(), lr=1.0, **OPTIONS), STEPS)
    assert mine[-1] > 100 * 1e-6 and other[-1] > 100 * 1e-6
    assert mine == pytest.approx(other, rel=1e-3)
    _same(ours, theirs, 2e-3)


def test_compiled_loops_follow_audiocrafts() -> None:
    _check_trajectory(torch.float32)


def test_lists_of_tensors_follow_audiocrafts() -> None:
    """The way of a GPU, which on a CPU double precision takes."""
    _check_trajectory(torch.float64)


def test_a_checkpoint_of_audiocrafts_is_gone_on_with() -> None:
    theirs = _model()
    optimizer = theirs_of(theirs.parameters(), lr=1.0, **OPTIONS)
    _train(theirs, optimizer, 60)
    ours = copy.deepcopy(theirs)
    mine = DAdaptAdam(ours.parameters(), lr=1.0, **OPTIONS)
    mine.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    assert _train(ours, mine, 30, 60) == pytest.approx(_train(theirs, optimizer, 30, 60), rel=1e-3)
    _same(ours, theirs, 2e-3)


def test_a_resumed_run_has_the_same_bits() -> None:
    whole, first = _model(), _model()
    full_batch = DAdaptAdam(whole.parameters(), **OPTIONS)
    _train(whole, full_batch, 40)
    begun = DAdaptAdam(first.parameters(), **OPTIONS)
    _train(first, begun, 25)
    resumed = copy.deepcopy(first)
    again = DAdaptAdam(resumed.parameters(), **OPTIONS)
    again.load_state_dict(begun.state_dict())
    _train(resumed, again, 15, 25)
    assert all(torch.equal(a, b) for a, b in zip(whole.parameters(), resumed.parameters(), strict=True))


def test_nothing_happens_without_gradients() -> None:
    model = _model()
    before = copy.deepcopy(model)
    optimizer = DAdaptAdam(model.parameters())
    optimizer.step()
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), before.parameters(), strict=True))


def test_tensors_that_are_not_contiguous_are_worked_on() -> None:
    parameter = torch.nn.Parameter(torch.randn(6, 4).t())
    plain = torch.nn.Parameter(parameter.detach().clone(memory_format=torch.contiguous_format))
    for one in (parameter, plain):
        one.grad = torch.ones(4, 6)
        DAdaptAdam([one], d0=1e-3).step()
    torch.testing.assert_close(parameter, plain)


def test_a_closure_and_bad_values() -> None:
    parameter = torch.nn.Parameter(torch.ones(3))
    assert DAdaptAdam([parameter]).step(lambda: 2.5) == 2.5
    for wrong in ({"lr": 0.0}, {"eps": 0.0}, {"betas": (1.0, 0.9)}, {"d0": -1.0}):
        with pytest.raises(ValueError, match="must be above 0"):
            DAdaptAdam([parameter], **wrong)
    groups = [{"params": [parameter], "lr": 1.0}, {"params": [torch.nn.Parameter(torch.ones(2))], "lr": 0.5}]
    with pytest.raises(ValueError, match="one learning rate"):
        DAdaptAdam(groups).step()


def test_processes_that_hold_parts_find_the_d_of_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two threads play the processes; the second's part has no gradient at first."""
    barrier, shared = threading.Barrier(2, timeout=60), {}

    def all_reduce(sums: torch.Tensor) -> None:
        shared[threading.get_ident()] = sums.clone()
        barrier.wait()
        sums.copy_(sum(shared.values()))
        barrier.wait()

    monkeypatch.setattr(d_adaptation.distributed, "is_initialized", lambda: True)
    monkeypatch.setattr(d_adaptation.distributed, "all_reduce", all_reduce)
    # In double precision, which is worked on in lists of tensors: compiled loops know one thread.
    start = torch.randn(6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))

    def descend(part: torch.Tensor, first: int, sharded: bool) -> list[float]:
        parameter, found = torch.nn.Parameter(part.clone()), []
        if sharded:
            parameter.whole = start  # type: ignore[attr-defined]
        optimizer = DAdaptAdam([parameter])
        for step in range(40):
            active = torch.arange(first, first + len(part)) < (6 if step > 2 else 3)
            parameter.grad = 2 * (parameter.detach() - 5) * active
            optimizer.step()
            found.append(optimizer.param_groups[0]["d"])
        return found

    wanted = descend(start, 0, sharded=False)
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(descend, part, first, True) for first, part in ((0, start[:3]), (3, start[3:]))]
    assert wanted[-1] > 1e-5
    for run in runs:
        assert run.result() == pytest.approx(wanted, rel=1e-3)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_lowers_a_loss(name: str) -> None:
    model = _model()
    lr = 1.0 if name in ("dadam", "prodigy") else 1e-2
    cfg = OmegaConf.create(
        {"optimizer": name, "lr": lr, "adam": {"betas": [0.9, 0.95], "weight_decay": 0.0, "eps": 1e-8}}
    )
    optimizer, losses = get_optimizer(model, cfg), []
    x = torch.randn(64, 20, generator=torch.Generator().manual_seed(0))
    for _ in range(200):
        loss = (model(x) - x[:, :5]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]


def test_an_unknown_optimizer_is_one_line() -> None:
    with pytest.raises(UserError, match="unknown optimizer 'sgd', known: adam, adamw, dadam, prodigy"):
        get_optimizer(_model(), OmegaConf.create({"optimizer": "sgd", "lr": 1.0, "adam": {}}))

"""The memory formula against tensors: what a step keeps for going back at two sizes, and what optimizers keep."""

from contextlib import nullcontext

import pytest
import torch
from audiocraft.models.lm import LMModel
from support.sized_lm import PREFIX, sized_batch, sized_lm

from orchestrator_solver import cli
from orchestrator_solver.optim.registry import OPTIMIZERS
from orchestrator_solver.training.gradients import PreparedBatch, accumulate
from orchestrator_solver.workflows.gpu_memory import Model, Training, activation_bytes, memory_of, trained

TOLERANCE = 0.02
SIZES = [(Model(64, 4, 2, 4, 128), 2, 54), (Model(128, 8, 3, 2, 256), 3, 90)]


def _kept(lm: LMModel, batch: PreparedBatch, half: bool) -> int:
    """Bytes of the storages that going back needs, without the parameters themselves."""
    own, kept = {parameter.untyped_storage().data_ptr() for parameter in lm.parameters()}, {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        storage = tensor.untyped_storage()
        if storage.data_ptr() not in own:
            kept[storage.data_ptr()] = (storage.nbytes(), tensor)  # held, so that no other takes its place
        return tensor

    autocast = torch.autocast("cpu", dtype=torch.bfloat16) if half else nullcontext()
    with autocast, torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        output = lm.compute_predictions(batch.codes, [], batch.conditions)
        valid = batch.mask & output.mask
        for k in range(batch.codes.shape[1]):
            logits = output.logits[:, k][valid[:, k]].float()
            torch.nn.functional.cross_entropy(logits, batch.codes[:, k][valid[:, k]], reduction="sum")
    return sum(size for size, _ in kept.values())


@pytest.mark.parametrize("rank", [0, 4])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize(("model", "samples", "steps"), SIZES)
def test_what_is_kept_for_going_back(
    model: Model, samples: int, steps: int, checkpointing: bool, half: bool, rank: int
) -> None:
    training = Training(samples, steps, PREFIX, rank, half, checkpointing)
    lm = sized_lm(model, training)
    found = _kept(lm, sized_batch(model, training), half)
    assert found == pytest.approx(activation_bytes(model, training), rel=TOLERANCE)


@pytest.mark.parametrize(
    ("name", "rank"),
    [("adamw", 0), ("adamw", 4), ("dadam", 0), ("dadam", 4), ("prodigy", 0)],  # which keeps no zeros, as LoRA's are
)
@pytest.mark.parametrize(("model", "samples", "steps"), SIZES)
def test_what_is_trained_and_what_optimizers_keep(model: Model, samples: int, steps: int, name: str, rank: int) -> None:
    training = Training(samples, steps, PREFIX, rank, False, False, name)
    lm = sized_lm(model, training)
    del lm.condition_provider  # the tiny model's are others
    optimizer = OPTIMIZERS[name](lm.parameters(), lr=1e-3)
    accumulate(lm, sized_batch(model, training), samples, nullcontext())
    optimizer.step()
    expected = trained(model, rank) - model.conditions
    assert sum(p.grad.numel() for p in lm.parameters() if p.grad is not None) == expected
    states = [value for state in optimizer.state.values() for value in state.values() if torch.is_tensor(value)]
    found = sum(value.nbytes for value in states)
    wanted = memory_of(model, training)
    assert found == pytest.approx(wanted.optimizer * expected / trained(model, rank), rel=TOLERANCE)
    assert sum(p.numel() for p in lm.parameters()) * 4 == wanted.weights - 4 * model.conditions


def test_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["memory", "--scale", "medium"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 8 and all(line.startswith("|") for line in lines)

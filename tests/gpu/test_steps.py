"""On a GPU: steps in half precision, every optimizer, memory that really runs out, and the table of what fits."""

from contextlib import nullcontext

import pytest
import torch
from support import device_checks
from support.sized_lm import PREFIX, sized_batch, sized_lm

from orchestrator_solver.optim.registry import OPTIMIZERS
from orchestrator_solver.training.gradients import MicroBatcher, accumulate
from orchestrator_solver.workflows.gpu_memory import Model, Training, memory_of

pytestmark = pytest.mark.gpu
LOST = 0.1  # of memory, which the table does not count
MIDDLE = Model(512, 8, 6)  # whose samples of 10 s take hundreds of MB


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_half_precision_learns(accelerator: str, precision: torch.dtype) -> None:
    device_checks.half_precision_learns(accelerator, precision)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(accelerator: str, name: str) -> None:
    device_checks.optimizer_follows(accelerator, name)


def _peak(lm: torch.nn.Module, training: Training, device: str) -> int:
    """The most bytes that were allocated at once in a step, its gradients included."""
    batch = sized_batch(MIDDLE, training, device)
    lm.zero_grad(set_to_none=True)
    torch.cuda.empty_cache()
    torch.cuda.reset_peak_memory_stats()
    with torch.autocast(device, torch.bfloat16) if training.half else nullcontext():
        accumulate(lm, batch, training.samples, nullcontext())
    return torch.cuda.max_memory_allocated()


def test_memory_that_really_runs_out_halves_the_parts(accelerator: str) -> None:
    """With the gradients of one sample at a time; the limit is this process' own, between two samples and four."""
    training = Training(samples=8, steps=500, prefix=PREFIX, half=False)
    lm = sized_lm(MIDDLE, training, accelerator)
    peaks = [_peak(lm, Training(samples=count, steps=500, prefix=PREFIX, half=False), accelerator) for count in (2, 4)]
    batch = sized_batch(MIDDLE, training, accelerator)
    lm.zero_grad(set_to_none=True)
    accumulate(lm, batch, 1, nullcontext())
    wanted = {name: parameter.grad.clone() for name, parameter in lm.named_parameters() if parameter.grad is not None}
    kept = sum(gradient.nbytes for gradient in wanted.values())
    lm.zero_grad(set_to_none=True)
    torch.cuda.empty_cache()
    limit = kept + (peaks[0] + peaks[1]) // 2
    torch.cuda.set_per_process_memory_fraction(limit / torch.cuda.mem_get_info()[1])
    try:
        micro_batcher = MicroBatcher("auto")
        micro_batcher(lm, batch, nullcontext())
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0)
    assert micro_batcher.size in (1, 2)
    for name, parameter in lm.named_parameters():
        if name in wanted:
            torch.testing.assert_close(parameter.grad, wanted[name], rtol=1e-3, atol=1e-5, msg=name)


@pytest.mark.parametrize("checkpointing", [False, True])
@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("rank", [0, 16])
def test_the_table_of_what_fits(accelerator: str, rank: int, half: bool, checkpointing: bool) -> None:
    """Weights, gradients and activations at their peak, and then what the optimizer keeps."""
    training = Training(2, 1500, PREFIX, rank, half, checkpointing, "adamw")
    before = torch.cuda.memory_allocated()
    lm = sized_lm(MIDDLE, training, accelerator)
    del lm.condition_provider  # the tiny model's are others
    wanted = memory_of(MIDDLE, training)
    peak = _peak(lm, training, accelerator) - before
    others = 8 * MIDDLE.conditions  # weights and gradients that are in the table alone
    assert peak == pytest.approx(wanted.total - wanted.optimizer - others, rel=LOST)
    step = torch.cuda.memory_allocated()
    optimizer = OPTIMIZERS["adamw"]([one for one in lm.parameters() if one.requires_grad], lr=1e-3)
    optimizer.step()
    kept = torch.cuda.memory_allocated() - step
    assert kept == pytest.approx(wanted.optimizer - 8 * MIDDLE.conditions, rel=LOST)

"""Gradients from parts of a batch are those of the batch; a tiny model's loss stays what it was and can vanish."""

from contextlib import nullcontext

import pytest
import torch
from audiocraft.models.lm import LMModel
from audiocraft.solvers.musicgen import MusicGenSolver
from support.tiny_lm import STEPS, tiny_batch, tiny_config, tiny_lm

from dataset_builder.errors import UserError
from orchestrator_solver.models.builders import build_lm
from orchestrator_solver.training.gradients import MicroBatcher, accumulate, pattern_mask

GOLDEN = (2.9267187, 2.8979025, 2.9555352)  # mean and both codebooks, torch 2.13, weights of seed 0


def gradients(model: LMModel) -> dict[str, torch.Tensor]:
    """The gradients there are, by name."""
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def full_batch(model: LMModel) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """audiocraft's cross-entropy of the whole batch, and its gradients."""
    batch = tiny_batch(model)
    output = model.compute_predictions(batch.codes, [], batch.conditions)
    loss, _ = MusicGenSolver._compute_cross_entropy(None, output.logits, batch.codes, batch.mask & output.mask)
    model.zero_grad()
    loss.backward()
    return loss.detach(), gradients(model)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8])
def test_parts_have_the_gradients_of_the_batch(size: int) -> None:
    model = tiny_lm()
    wanted_loss, wanted = full_batch(model)
    model.zero_grad()
    losses = accumulate(model, tiny_batch(model), size, nullcontext())
    found = gradients(model)
    assert found.keys() == wanted.keys() and any("condition_provider" in name for name in found)
    torch.testing.assert_close(losses.mean, wanted_loss, rtol=0, atol=1e-6)
    for name in wanted:
        torch.testing.assert_close(found[name], wanted[name], rtol=0, atol=1e-6, msg=name)


def test_the_mask_of_the_pattern_is_the_models() -> None:
    model = tiny_lm()
    batch = tiny_batch(model)
    mask = model.compute_predictions(batch.codes, [], batch.conditions).mask
    assert torch.equal(pattern_mask(model, STEPS), mask[0])


def test_memory_that_runs_out_halves_the_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    model, sizes = tiny_lm(), []
    _, wanted = full_batch(model)
    model.zero_grad()
    compute = model.compute_predictions

    def small(codes: torch.Tensor, *rest: object) -> object:
        sizes.append(len(codes))
        if len(codes) > 2:
            raise torch.OutOfMemoryError("no memory")
        return compute(codes, *rest)

    monkeypatch.setattr(model, "compute_predictions", small)
    micro_batcher = MicroBatcher("auto")
    micro_batcher(model, tiny_batch(model), nullcontext())
    assert sizes == [5, 3, 2, 2, 1]
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(gradient, wanted[name], rtol=0, atol=1e-6)
    micro_batcher(model, tiny_batch(model), nullcontext())
    assert sizes[5:] == [2, 2, 1], "what fits is remembered"


def test_what_never_fits_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*args: object) -> None:
        raise torch.OutOfMemoryError("no memory")

    model = tiny_lm()
    batch = tiny_batch(model)
    monkeypatch.setattr(model, "compute_predictions", never)
    with pytest.raises(UserError, match="one sample does not fit"):
        MicroBatcher("auto")(model, batch, nullcontext())
    with pytest.raises(torch.OutOfMemoryError):
        MicroBatcher(2)(model, batch, nullcontext())
    with pytest.raises(UserError, match="expected a number of samples above 0"):
        MicroBatcher(0)


def test_golden_loss() -> None:
    """A change of this number means that models have to be trained again."""
    model = tiny_lm()
    losses = accumulate(model, tiny_batch(model), 5, nullcontext())
    assert (losses.mean.item(), *losses.per_codebook.tolist()) == pytest.approx(GOLDEN, abs=1e-6)


def test_checkpointing_changes_no_gradient() -> None:
    cfg = tiny_config()
    cfg.transformer_lm.checkpointing = "torch"
    _, wanted = full_batch(tiny_lm())
    torch.manual_seed(0)
    model = build_lm(cfg).train()
    accumulate(model, tiny_batch(model), 5, nullcontext())
    for name, gradient in gradients(model).items():
        torch.testing.assert_close(gradient, wanted[name], rtol=0, atol=1e-6)


def test_one_batch_is_learned_by_heart() -> None:
    model = tiny_lm()
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-2, weight_decay=0.0)
    for _ in range(400):
        optimizer.zero_grad()
        loss = accumulate(model, tiny_batch(model, 2), 2, nullcontext()).mean.item()
        if loss < 0.1:
            return
        optimizer.step()
    pytest.fail(f"cross-entropy {loss:.3f} after 400 updates")

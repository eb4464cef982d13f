"""LoRA: what is trained, that merged is unmerged, and states with and without additions."""

from contextlib import nullcontext

import pytest
import torch
from audiocraft.models.lm import LMModel
from support.tiny_lm import tiny_batch, tiny_config, tiny_lm

from dataset_builder.errors import UserError
from orchestrator_solver.models import lora
from orchestrator_solver.models.builders import build_lm
from orchestrator_solver.training.gradients import accumulate

SETTINGS = {"rank": 4, "alpha": 8, "dropout": 0.0, "targets": list(lora.TARGETS), "train": ["condition_provider"]}


def _adapted(memory_efficient: bool = True, **changes: object) -> LMModel:
    cfg = tiny_config()
    cfg.transformer_lm.memory_efficient = memory_efficient
    cfg.lora = {**SETTINGS, **changes}
    torch.manual_seed(0)
    return build_lm(cfg).train()


def _trained(model: LMModel, updates: int = 5) -> LMModel:
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(updates):
        optimizer.zero_grad()
        accumulate(model, tiny_batch(model), 5, nullcontext())
        optimizer.step()
    return model


def _logits(model: LMModel) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        batch = tiny_batch(model)
        return model.compute_predictions(batch.codes, [], batch.conditions).logits.nan_to_num()


@pytest.mark.parametrize("memory_efficient", [True, False])
def test_additions_begin_as_nothing_and_are_all_that_is_trained(memory_efficient: bool) -> None:
    model = _adapted(memory_efficient)
    before = {name: p.detach().clone() for name, p in model.named_parameters()}
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    accumulate(model, tiny_batch(model), 5, nullcontext())
    optimizer.step()
    accumulate(model, tiny_batch(model), 5, nullcontext())
    optimizer.step()
    moved = {name for name, p in model.named_parameters() if not torch.equal(p, before[name])}
    assert {name for name in moved if "condition_provider" not in name} == {
        name for name in before if name.endswith((".up", ".down"))
    }
    assert len([name for name in moved if name.endswith(".up")]) == 2 * 4, "two layers of four matrices"
    assert len(optimizer.state) == sum(p.requires_grad for p in model.parameters())


def test_fresh_additions_change_nothing() -> None:
    plain, model = tiny_lm(), _adapted(memory_efficient=False)
    model.load_state_dict(plain.state_dict())
    torch.testing.assert_close(_logits(model), _logits(plain), rtol=0, atol=0)


@pytest.mark.parametrize("memory_efficient", [True, False])
def test_merged_is_unmerged(memory_efficient: bool) -> None:
    model = _trained(_adapted(memory_efficient))
    plain = _adapted(memory_efficient, rank=0)
    state = lora.merged_state(model.state_dict())
    assert state.keys() == plain.state_dict().keys()
    before = _logits(plain)
    plain.load_state_dict(state)
    assert torch.equal(_logits(plain), _logits(model)) and not torch.equal(before, _logits(model))


def test_a_plain_model_loads_a_state_with_additions_merged() -> None:
    model, plain = _trained(_adapted()), _adapted(rank=0)
    plain.load_state_dict(model.state_dict())
    assert torch.equal(_logits(plain), _logits(model))


def test_a_resumed_run_has_the_same_bits() -> None:
    first, again = _trained(_adapted(), 3), _adapted()
    again.load_state_dict(first.state_dict())
    assert torch.equal(_logits(again), _logits(first))


def test_a_plain_state_undoes_additions_that_were_trained() -> None:
    """The best state of what a run continues from, loaded after its own."""
    plain, model = _adapted(rank=0), _trained(_adapted())
    model.load_state_dict(plain.state_dict())
    assert torch.equal(_logits(model), _logits(plain))


def test_dropout_only_in_training() -> None:
    model = _trained(_adapted(dropout=0.5))
    weight = model.transformer.layers[0].linear1
    model.train()
    assert not torch.equal(weight.weight, weight.weight)
    model.eval()
    assert torch.equal(weight.weight, weight.weight)


def test_half_precision_keeps_additions_in_single() -> None:
    cfg = tiny_config()
    cfg.dtype, cfg.lora = "bfloat16", SETTINGS
    linear = build_lm(cfg).transformer.layers[0].linear1
    assert linear.weight.dtype == torch.bfloat16
    assert linear.parametrizations.weight[0].up.dtype == torch.float32


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"targets": ["embedding"]}, "unknown lora.targets embedding"), ({"rank": -1}, "expected a rank of 0 or more"),
     ({"dropout": 1.0}, "below 1"), ({"targets": []}, "the model has no such weights")],
)  # fmt: skip
def test_mistakes_are_one_line(changes: dict, words: str) -> None:
    with pytest.raises(UserError, match=words):
        lora.inject(tiny_lm(), lora.LoraSettings.of({**SETTINGS, **changes}))

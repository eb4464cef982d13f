"""Conditions are dropped by sample, the same for the same step and different otherwise."""

import torch
from audiocraft.modules.conditioners import ConditioningAttributes, WavCondition

from orchestrator_solver.dropout import drop_conditions


def _samples(count: int) -> list[ConditioningAttributes]:
    wav = WavCondition(torch.ones(1, 1, 8), torch.tensor([8]), [16], [None], [None])
    return [ConditioningAttributes(text={"description": "violin"}, wav={"self_wav": wav}) for _ in range(count)]


def _dropped(samples: list[ConditioningAttributes]) -> list[bool]:
    return [sample.text["description"] is None for sample in samples]


def test_share_of_dropped_samples() -> None:
    dropped = _dropped(drop_conditions(_samples(2000), 0.2, seed=1, epoch=1, step=0, rank=0))
    assert 0.16 < sum(dropped) / 2000 < 0.24


def test_draws_depend_on_step_and_rank_alone() -> None:
    first = _dropped(drop_conditions(_samples(64), 0.5, 1, 1, 0, 0))
    assert first == _dropped(drop_conditions(_samples(64), 0.5, 1, 1, 0, 0))
    assert first != _dropped(drop_conditions(_samples(64), 0.5, 1, 1, 1, 0))
    assert first != _dropped(drop_conditions(_samples(64), 0.5, 1, 1, 0, 1))


def test_all_conditions_of_a_sample_go_together_and_the_input_stays() -> None:
    samples = _samples(64)
    for before, after in zip(samples, drop_conditions(samples, 0.5, 1, 1, 0, 0), strict=True):
        assert (after.text["description"] is None) == (int(after.wav["self_wav"].length[0]) == 0)
        assert before.text["description"] == "violin" and int(before.wav["self_wav"].length[0]) == 8

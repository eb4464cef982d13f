"""Condition dropout: its share, that it is drawn for every sample, and that processes do not change it."""

import pytest
import torch
from audiocraft.modules.conditioners import ConditioningAttributes, WavCondition

from orchestrator_solver.training.condition_dropout import drop_conditions


def _samples(count: int) -> list[ConditioningAttributes]:
    wav = WavCondition(torch.ones(1, 1, 8), torch.tensor([8]), [16_000], ["path"], [0.0])
    return [ConditioningAttributes(text={"description": "drums"}, wav={"self_wav": wav}) for _ in range(count)]


def _dropped(samples: list[ConditioningAttributes]) -> list[bool]:
    for sample in samples:
        assert (sample.text["description"] is None) == (sample.wav["self_wav"].wav.numel() == 1)
    return [sample.text["description"] is None for sample in samples]


def test_share_of_dropped_samples() -> None:
    dropped = _dropped(drop_conditions(_samples(2000), 0.2, (0, 1, 2), range(2000)))
    assert sum(dropped) / 2000 == pytest.approx(0.2, abs=0.03)


def test_draws_depend_on_the_step_and_repeat() -> None:
    one, again, other = (
        _dropped(drop_conditions(_samples(64), 0.5, (0, 1, step), range(64))) for step in (2, 2, 3)
    )  # fmt: skip
    assert one == again and one != other


def test_two_processes_drop_what_one_does() -> None:
    whole = _dropped(drop_conditions(_samples(64), 0.5, (0, 1, 2), range(64)))
    halves = [_dropped(drop_conditions(_samples(32), 0.5, (0, 1, 2), range(rank, 64, 2))) for rank in (0, 1)]
    assert [whole[0::2], whole[1::2]] == halves


def test_originals_are_untouched() -> None:
    samples = _samples(8)
    drop_conditions(samples, 1.0, (0, 0, 0), range(8))
    assert not any(_dropped(samples))

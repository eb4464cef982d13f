"""What `tests/gpu` asks of a GPU holds on the CPU: so these checks mean something on the day that there is one."""

from pathlib import Path

import pytest
import torch
from support import device_checks

from orchestrator_solver.optim.registry import OPTIMIZERS


@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
def test_half_precision_learns(precision: torch.dtype) -> None:
    device_checks.half_precision_learns("cpu", precision)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers(name: str) -> None:
    device_checks.optimizer_follows("cpu", name)


def test_playing(tiny_models: Path) -> None:
    device_checks.plays_as_the_cpu("cpu", str(tiny_models))


def test_preparing(tiny_models: Path, tiny_data: Path, tmp_path: Path) -> None:
    device_checks.prepares_as_the_cpu("cpu", str(tiny_models), tiny_data, tmp_path)

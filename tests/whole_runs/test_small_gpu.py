"""`dora run` with what small GPUs need, on tiny models: micro-batches, LoRA, checkpointing, and the export of LoRA."""

import sys
from pathlib import Path

import pytest
import torch
from support.tiny_runs import history_of, losses_of, run_command, run_to_its_end

from orchestrator_solver.weights import package

pytestmark = pytest.mark.slow
EXPORT = "from pathlib import Path; from orchestrator_solver.workflows.export import export; "


def test_micro_batches_train_as_the_whole(tiny_data: Path, tiny_models: Path, tmp_path: Path) -> None:
    """With D-Adaptation, whose d amplifies what differs."""
    common = ("optim.epochs=2", "optim.optimizer=dadam", "optim.lr=1", "schedule.cosine.warmup=1")
    found = []
    for name, overrides in (("whole", ()), ("parts", ("optim.micro_batch=3", "transformer_lm.checkpointing=torch"))):
        done = run_to_its_end(tmp_path / name, run_command(tiny_data, tiny_models, *common, *overrides))
        assert done.returncode == 0, done.stderr[-3000:]
        found.append([loss for epoch in losses_of(history_of(tmp_path / name)) for loss in epoch])
    assert found[0] == pytest.approx(found[1], abs=1e-5)


def test_lora_trains_and_is_exported_merged(tiny_data: Path, tiny_models: Path, tmp_path: Path) -> None:
    overrides = ("lora.rank=2", "optim.micro_batch=auto", "optim.lr=1e-2", "schedule.cosine.warmup=1")
    command = run_command(tiny_data, tiny_models, "optim.epochs=2", *overrides)
    done = run_to_its_end(tmp_path, command)
    assert done.returncode == 0, done.stderr[-3000:]
    again = run_to_its_end(tmp_path, command)
    assert again.returncode == 0 and len(history_of(tmp_path)) == 2, again.stderr[-3000:]
    sig = next(tmp_path.glob("xps/*")).name
    out = tmp_path / "exported"
    done = run_to_its_end(tmp_path, [sys.executable, "-c", f"{EXPORT}export({sig!r}, Path({str(out)!r}))"])
    assert done.returncode == 0, done.stderr[-3000:]
    state = package.load(str(out), "lm").state
    assert not any("parametrizations" in name for name in state)
    assert all(torch.isfinite(value).all() for value in state.values())

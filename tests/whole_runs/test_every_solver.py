"""Every solver in config/solver runs two updates and its validation, on small sizes."""

import os
import sys
from pathlib import Path

import pytest
from support.hub_cache import environment
from support.tiny_runs import SHORT, TINY, history_of, run_to_its_end

from orchestrator_solver.paths import PROJECT

FOUNDATIONS = {"default", "orchestrator_base"}  # of which others are made
SOLVERS = sorted({path.stem for path in (PROJECT / "config" / "solver").glob("*.yaml")} - FOUNDATIONS)
TWO = ["optim.epochs=1", "optim.updates_per_epoch=2", "schedule.cosine.warmup=1"]
CODEC = ["dataset.batch_size=2", "dataset.segment_duration=0.5", "dataset.valid.num_samples=2", "num_threads=1",
         "dataset.num_workers=0"]  # fmt: skip

pytestmark = pytest.mark.slow


def _small(solver: str, codec: Path) -> list[str]:
    """What makes a solver's run short."""
    if solver == "nano_codec":
        return CODEC
    if solver.startswith("orchestrator") and solver != "orchestrator_nano":
        return [*SHORT[1:], "orchestrator.store=false", "autocast=true", "autocast_dtype=bfloat16"]
    return [*TINY[1:], f"compression_model_checkpoint=//pretrained/{codec}"]


@pytest.mark.parametrize("solver", SOLVERS)
def test_two_updates(
    solver: str, tiny_data: Path, tiny_models: Path, filled_hub: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(filled_hub).items():
        monkeypatch.setitem(os.environ, name, value)
    overrides = [f"solver={solver}", *_small(solver, tiny_models.parent / "codec"), *TWO, f"dset_root={tiny_data}"]
    done = run_to_its_end(tmp_path, [sys.executable, "-m", "dora", "run", *overrides])
    assert done.returncode == 0, done.stderr[-3000:]
    (epoch,) = history_of(tmp_path)
    assert {"train", "valid"} <= set(epoch)

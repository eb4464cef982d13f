"""On GPUs: `dora run` in every precision, and in two processes by DDP and FSDP, with the losses of one."""

from pathlib import Path

import pytest
from support.tiny_runs import history_of, run_command, run_to_its_end

pytestmark = pytest.mark.gpu
EXACT = ("autocast=false", "optim.epochs=2", "optim.updates_per_epoch=6", "schedule.cosine.warmup=2")
TWO = ("-d", "--ddp_workers=2")


def _losses(folder: Path, data: Path, models: Path, *overrides: str, options: tuple[str, ...] = ()) -> list[float]:
    done = run_to_its_end(folder, run_command(data, models, "device=cuda", *EXACT, *overrides, options=options))
    assert done.returncode == 0, done.stderr[-3000:]
    return [epoch[stage]["ce"] for epoch in history_of(folder) for stage in ("train", "valid")]


@pytest.mark.usefixtures("accelerator")
@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision(precision: str, tiny_data: Path, tiny_models: Path, tmp_path: Path) -> None:
    """All stages, with the scaler of gradients and D-Adaptation; as in full precision, but for rounding."""
    dadam = ("optim.optimizer=dadam", "optim.lr=1")
    exact = _losses(tmp_path / "exact", tiny_data, tiny_models, *dadam)
    half = _losses(tmp_path / "half", tiny_data, tiny_models, *dadam, "autocast=true", f"autocast_dtype={precision}")
    assert half == pytest.approx(exact, rel=0.05)
    assert {"train", "valid", "evaluate", "generate"} <= set(history_of(tmp_path / "half")[-1])


@pytest.mark.usefixtures("two_accelerators")
@pytest.mark.parametrize("sharing", [(), ("fsdp.use=true", "fsdp.param_dtype=float32")], ids=["DDP", "FSDP"])
def test_two_processes_are_one(sharing: tuple[str, ...], tiny_data: Path, tiny_models: Path, tmp_path: Path) -> None:
    one = _losses(tmp_path / "one", tiny_data, tiny_models)
    two = _losses(tmp_path / "two", tiny_data, tiny_models, *sharing, options=TWO)
    assert two == pytest.approx(one, rel=1e-3)

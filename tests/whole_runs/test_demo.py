"""The demo whole, as small as it can be: from the corpus to the page, and again without doing anything twice."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator_solver import cli
from orchestrator_solver.configuration.overrides import composed
from orchestrator_solver.workflows import demo


def _demo(out: Path) -> str:
    """Run the command in a process of its own, as a user does; returns what it printed."""
    sizes = ("--works", "4", "--epochs", "1", "--updates", "2", "--excerpts", "4", "--shown", "1", "--workers", "1")
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator_solver.cli", "demo", "--out", str(out / "demo"), *sizes],
        env={**os.environ, "ORCHESTRATOR_DORA_DIR": str(out / "runs")}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_demo_ends_with_a_table_and_a_page_and_goes_on(tmp_path: Path) -> None:
    printed = _demo(tmp_path)
    assert "Fine-tuned (w description)" in printed and "Codec ceiling" in printed
    assert (tmp_path / "demo/index.html").read_text().startswith("<!doctype html>")
    weights, table = (tmp_path / "demo" / name for name in ("finetuned/model.safetensors", "table1/table1.json"))
    before = weights.read_bytes(), table.read_bytes()
    _demo(tmp_path)
    assert before == (weights.read_bytes(), table.read_bytes())


@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_a_precision_is_that_of_playing_store_and_training(
    precision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[demo.DemoSettings] = []
    monkeypatch.setattr(
        demo, "run_demo", lambda settings, show: given.append(settings) or demo.DemoResult("", tmp_path, 0.0)
    )
    monkeypatch.chdir(tmp_path)  # the command goes to the clone
    assert cli.main(["demo", "--out", str(tmp_path / "demo"), "--device", "cpu", "--precision", precision]) == 0
    (settings,) = given
    assert settings.placement.record()["precision"] == precision
    cfg = composed(["solver=orchestrator_nano", *settings.training_precision])
    assert cfg.orchestrator.store_precision == precision
    assert (cfg.autocast_dtype if cfg.autocast else "float32") == precision


def test_without_a_precision_store_and_training_are_as_configured(tmp_path: Path) -> None:
    assert demo.DemoSettings(tmp_path).training_precision == ()

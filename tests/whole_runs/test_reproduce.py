"""`orchestrator reproduce` whole at the small scale, as small as it can be: stopped, gone on with, and done once."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support.tiny_runs import DEADLINE

pytestmark = pytest.mark.slow
SMALL = ("--scale", "nano", "--works", "4", "--excerpts", "2", "--shown", "1", "--workers", "1", "optim.epochs=1",
         "optim.updates_per_epoch=2", "schedule.cosine.warmup=1", "dataset.valid.num_samples=4",
         "dataset.evaluate.num_samples=4", "dataset.generate.num_samples=2", "evaluate.metrics.clips=[]")  # fmt: skip


def _started(folder: Path, *more: str) -> subprocess.Popen[str]:
    command = [
        sys.executable,
        "-m",
        "orchestrator_solver.cli",
        "reproduce",
        "--out",
        str(folder / "out"),
        *SMALL,
        *more,
    ]
    environment = {**os.environ, "ORCHESTRATOR_DORA_DIR": str(folder / "runs")}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def _printed(folder: Path, *more: str) -> str:
    process = _started(folder, *more)
    told, _ = process.communicate(timeout=2 * DEADLINE)
    assert process.returncode == 0, told[-3000:]
    return told


def test_from_nothing_to_the_table_with_a_stop_between(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = _started(tmp_path)
    end = time.monotonic() + DEADLINE
    while not list(out.glob("data/tracks/*.json")):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    told = _printed(tmp_path)
    for step in ("[1/6] build", "[2/6] prepare", "[3/6] train", "[4/6] evaluate", "[5/6] page", "[6/6] export"):
        assert step in told
    assert "Fine-tuned" in (out / "table1/table1.md").read_text()
    assert (out / "page.html").read_text().startswith("<!doctype html>")
    assert "| stem | with |" in (out / "model/README.md").read_text(), "the card has the scores"
    written = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert "nothing is left to do" in _printed(tmp_path)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == written
    plan = _printed(tmp_path, "--plan")
    assert plan.count(" done ") == 6 and "reckoned" not in plan

"""`orchestrator reproduce` whole, as small as it can be: stopped, gone on with, done once; and the paper's, at its
true formats: a source in Slakh's layout, MU-LLaMA's lines, a chat server, a hub's cache."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from support import hub_cache
from support.chat_server import ChatServer
from support.tiny_runs import DEADLINE, SHORT

pytestmark = pytest.mark.slow
SMALL = ("--scale", "nano", "--works", "4", "--excerpts", "2", "--shown", "1", "--workers", "1", "optim.epochs=1",
         "optim.updates_per_epoch=2", "schedule.cosine.warmup=1", "dataset.valid.num_samples=4",
         "dataset.evaluate.num_samples=4", "dataset.generate.num_samples=2", "evaluate.metrics.clips=[]")  # fmt: skip


MU_LLAMA = """
import json, sys
for line in sys.stdin:
    print(json.dumps({"caption": "A calm piece for " + json.loads(line)["question"]}), flush=True)
"""


def _started(folder: Path, *words: str, **variables: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "orchestrator_solver.cli", "reproduce", "--out", str(folder / "out"), *words]
    environment = {**os.environ, "ORCHESTRATOR_DORA_DIR": str(folder / "runs"), **variables}
    return subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    )


def _printed(folder: Path, *words: str, **variables: str) -> str:
    process = _started(folder, *words, **variables)
    told, _ = process.communicate(timeout=2 * DEADLINE)
    assert process.returncode == 0, told[-3000:]
    return told


def test_from_nothing_to_the_table_with_a_stop_between(tmp_path: Path) -> None:
    out = tmp_path / "out"
    process = _started(tmp_path, *SMALL)
    end = time.monotonic() + DEADLINE
    while not list(out.glob("data/tracks/*.json")):
        assert process.poll() is None and time.monotonic() < end
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    told = _printed(tmp_path, *SMALL)
    for step in ("[1/6] build", "[2/6] prepare", "[3/6] train", "[4/6] evaluate", "[5/6] page", "[6/6] export"):
        assert step in told
    assert "Fine-tuned" in (out / "table1/table1.md").read_text()
    assert (out / "page.html").read_text().startswith("<!doctype html>")
    assert "| stem | with |" in (out / "model/README.md").read_text(), "the card has the scores"
    written = {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}
    assert "nothing is left to do" in _printed(tmp_path, *SMALL)
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()} == written
    plan = _printed(tmp_path, *SMALL, "--plan")
    assert plan.count(" done ") == 6 and "reckoned" not in plan


def test_the_papers_steps_at_true_formats(tiny_slakh: Path, filled_hub: Path, tmp_path: Path) -> None:
    """What nobody has here is stood in for: few tracks, layers and updates, random weights, a process and a server."""
    (tmp_path / "mu_llama.py").write_text(MU_LLAMA)
    server = ChatServer()
    options = (
        "--scale", "paper", "--root", str(tiny_slakh), "--part", "--caption-command",
        f"{sys.executable} {tmp_path / 'mu_llama.py'}", "--budget", "1", "--metrics", "offline", "--excerpts", "2",
        "--shown", "1", "--seconds", "1.92", "--workers", "1", "--gpus", "1", *SHORT,
    )  # fmt: skip
    variables = {
        **hub_cache.environment(filled_hub), "OPENAI_API_KEY": "key", "OPENAI_BASE_URL": server.url,
        "XDG_CACHE_HOME": str(tmp_path / "cache"),
    }  # fmt: skip
    try:
        plan = _printed(tmp_path, *options, "--plan", **variables)
        assert "lacks" not in plan and "not the paper's: Table 1 by offline" in plan
        _printed(tmp_path, *options, "--until", "describe", **variables)
        asked = len(server.asked)
        told = _printed(tmp_path, *options, **variables)
    finally:
        server.stop()
    assert asked and len(server.asked) == asked, "what was described is not paid again"
    out = tmp_path / "out"
    assert "A calm piece" in str(server.asked[0]) and "[8/8] export" in told
    assert "Fine-tuned" in (out / "table1/table1.md").read_text()
    assert (out / "page.html").read_text().startswith("<!doctype html>")
    assert "cc-by-nc-4.0" in (out / "model/README.md").read_text(), "the licence is that of the weights"

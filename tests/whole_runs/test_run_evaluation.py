"""What a run's own model plays, scored by `dora run`: the same numbers as `orchestrator evaluate` of its signature."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest
from support.tiny_models import SECONDS
from support.tiny_runs import history_of, run_command, run_to_its_end

from orchestrator_solver.paths import PROJECT

CLIPS = ("evaluate.metrics.clips=[sim,sim_soft]", "evaluate.excerpts=5", "evaluate.policies=[self,stem]")

pytestmark = pytest.mark.slow


def test_a_run_is_scored_as_its_signature_is(tiny_data: Path, tiny_models: Path, tmp_path: Path) -> None:
    """By one process, by two, and by the command."""
    command = run_command(tiny_data, tiny_models, "optim.epochs=1", *CLIPS)
    done = run_to_its_end(tmp_path, command)
    assert done.returncode == 0, done.stderr
    (history,) = history_of(tmp_path)
    scores = {name: value for name, value in history["evaluate"].items() if name.startswith("sim")}
    assert set(scores) == {
        f"{name}_{policy}_{which}"
        for name in ("sim", "sim_soft") for policy in ("self", "stem") for which in ("without", "with")
    }  # fmt: skip
    (folder,) = (tmp_path / "xps").iterdir()
    assert (folder / "evaluation" / "table1.md").is_file()

    table = _evaluated(folder.name, tiny_data, tiny_models, tmp_path)
    for line in table["lines"]:
        if line["row"] == "finetuned":
            for name, interval in line["intervals"].items():
                assert scores[f"{name}_{line['policy']}_{line['prompting']}"] == pytest.approx(interval["mean"])

    shared = tmp_path / "two"
    two = ("-d", "--ddp_workers=2")
    done = run_to_its_end(shared, run_command(tiny_data, tiny_models, "optim.epochs=1", *CLIPS, options=two))
    assert done.returncode == 0, done.stderr
    (history,) = history_of(shared)
    assert {name for name in history["evaluate"] if name.startswith("sim")} == set(scores)
    assert all(math.isfinite(history["evaluate"][name]) for name in scores)


def _evaluated(sig: str, data: Path, models: Path, runs: Path) -> dict:
    words = ["--data", data, "--finetuned", sig, "--baseline", models, "--excerpts", 5, "--metrics", "sim,sim_soft"]
    words += ["--seconds", SECONDS, "--out", runs / "table", "--policies", "self", "stem", "--threads", 1]
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator_solver.cli", "evaluate", *map(str, words)], cwd=PROJECT,
        env={**os.environ, "ORCHESTRATOR_DORA_DIR": str(runs)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table: dict = json.loads((runs / "table" / "table1.json").read_text())
    assert sig in table["about"]["model of finetuned"]
    return table

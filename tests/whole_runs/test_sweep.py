"""`orchestrator sweep` whole: both rows of the grid for a laptop, at once, on a model of a few thousand weights."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator_solver.paths import PROJECT

# Binds what makes the runs small before the grid binds its own.
SMALL_SWEEP = """
import json, os, sys
from grids import nano_sweep
from orchestrator_solver.cli import main

small, on_cpu = json.loads(sys.argv[1]), nano_sweep.on_cpu
nano_sweep.on_cpu = lambda launcher: (launcher.bind_(small), on_cpu(launcher))
sys.exit(main(["sweep", "nano_sweep", "--jobs", str(min(2, os.cpu_count()))]))
"""


@pytest.mark.slow
def test_both_rows_run_and_nothing_runs_twice(tiny_data: Path, tiny_models: Path, tmp_path: Path) -> None:
    model = {"n_q": 2, "card": 16, "dim": 16, "num_heads": 2, "num_layers": 2}
    small = {
        "continue_from": "", "dset_root": str(tiny_data), "codebooks_pattern.delay.delays": [0, 1],
        "compression_model_checkpoint": f"//pretrained/{tiny_models.parent}/codec", "dataset.segment_duration": 1.6,
        "dataset.num_workers": 0, "orchestrator.store": False, "autocast": False, "num_threads": 1,
        "generate.lm.top_k": 16, **{f"transformer_lm.{name}": value for name, value in model.items()},
    }  # fmt: skip
    histories = {}
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-c", SMALL_SWEEP, json.dumps(small)], cwd=PROJECT, text=True, capture_output=True,
            env={**os.environ, "ORCHESTRATOR_DORA_DIR": str(tmp_path), "HF_HUB_OFFLINE": "1"}, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        assert "self" in done.stdout and "stem" in done.stdout and "best_ce" in done.stdout
        found = {path: path.read_bytes() for path in tmp_path.glob("xps/*/history.json")}
        assert len(found) == 2 and histories in ({}, found)
        histories = found
    for history in map(json.loads, histories.values()):
        assert len(history) == 3 and all(0 < epoch["train"]["ce"] < 10 for epoch in history)
    first, second = (json.loads(history) for history in histories.values())
    assert first[0]["train"]["ce"] != second[0]["train"]["ce"]  # they play from other references

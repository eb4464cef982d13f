"""What wandb keeps of an offline run is read back as it was logged, also where a process was killed."""

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from dataset_builder.errors import UserError
from orchestrator_solver.monitoring.offline_wandb import history_of

CALLS = 300  # so many that pieces go over the ends of blocks


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run's folder, made by wandb itself."""
    folder = tmp_path_factory.mktemp("run")
    program = (
        "import wandb\n"
        "run = wandb.init(project='p', id='abcd1234', mode='offline')\n"
        f"for update in range({CALLS}):\n"
        "    run.log({'steps/ce': 4 - update / 1000, 'update': update, 'note': 'x' * (update % 7 * 500)})\n"
        "run.log({'steps/d': float('nan'), 'samples/table': wandb.Table(columns=['a'], data=[[1]])})\n"
        "run.finish()\n"
    )
    environment = {**os.environ, "WANDB_SILENT": "true"}
    subprocess.run([sys.executable, "-c", program], cwd=folder, env=environment, check=True, capture_output=True)
    (found,) = folder.glob("wandb/offline-run-*")
    return found


def test_every_call_comes_back(run: Path) -> None:
    assert (run / "run-abcd1234.wandb").stat().st_size > 3 * 32_768
    *rows, last = history_of(run)
    assert [(row["update"], row["steps/ce"], len(row["note"])) for row in rows] == [
        (update, 4 - update / 1000, update % 7 * 500) for update in range(CALLS)
    ]
    assert math.isnan(last["steps/d"]) and last["samples/table"]["nrows"] == 1


def test_of_a_killed_run_the_whole_records_are_read(run: Path, tmp_path: Path) -> None:
    whole = (run / "run-abcd1234.wandb").read_bytes()
    for size in (len(whole) // 2, 50_001, 32_770, 10):
        (tmp_path / "run-abcd1234.wandb").write_bytes(whole[:size])
        rows = history_of(tmp_path)
        assert [row["update"] for row in rows] == list(range(len(rows))) and len(rows) < CALLS


def test_what_is_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"holds no run-\*\.wandb"):
        history_of(tmp_path)
    (tmp_path / "run-x.wandb").write_bytes(b"something else")
    with pytest.raises(UserError, match="is no log of wandb"):
        history_of(tmp_path)

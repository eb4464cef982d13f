"""What else is submitted, on a real Slurm: a data set's build, its store prepared in shards, and a reproduction."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from slurm.cluster import Cluster
from slurm.tiny_grid import until
from support.killing import tree
from support.tiny_models import build_tiny_data
from support.tiny_runs import DEADLINE, TINY, run_environment

from orchestrator_solver.paths import PROJECT

pytestmark = pytest.mark.slurm


def _run(folder: Path, *words: str, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=PROJECT, env={**run_environment(folder), **environment},
        capture_output=True, text=True, timeout=DEADLINE, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-1000:] + done.stderr[-3000:]
    return done.stdout + done.stderr


def test_a_data_set_is_built_by_jobs(cluster: Cluster, tiny_slakh: Path, tmp_path: Path) -> None:
    """Byte for byte as by one process; the jobs get the account that is asked for."""
    words = ("dataset_builder", "build", "--source", "slakh", "--root", str(tiny_slakh), "--captions", "none", "--out")
    jobs = ("--launcher", "slurm", "--shards", "3", "--account", "paper", "--memory", "1", "--minutes", "5")
    before = _finished(cluster)
    _run(tmp_path, *words, str(tmp_path / "jobs"), *jobs, "--workers", "1")
    _run(tmp_path, *words, str(tmp_path / "here"), "--workers", "1")
    assert tree(tmp_path / "jobs") == tree(tmp_path / "here")
    assert _finished(cluster)[len(before) :] == ["data_set|COMPLETED|paper"] * 3


def _finished(cluster: Cluster) -> list[str]:
    return cluster.ask("sacct", "-X", "-n", "-P", "-o", "JobName,State,Account").split()


def test_a_store_is_prepared_in_shards(cluster: Cluster, tiny_slakh: Path, tiny_models: Path, tmp_path: Path) -> None:
    """By `dora launch`, each of whose two tasks takes a part: a run from the store finds all that it reads."""
    data = build_tiny_data(tiny_slakh, tmp_path / "data")
    codec = f"compression_model_checkpoint=//pretrained/{tiny_models.parent}/codec"
    asked = [*TINY, codec, f"dset_root={data}", "device=cpu"]
    dora = ("dora", "--package", "orchestrator_solver")
    launch = (*dora, "launch", "--no_tail", "-g", "2", *asked, "execute_only=prepare", "label=prepare")
    told = _run(tmp_path, *launch, SBATCH_TIMELIMIT="20", SBATCH_MEM_PER_NODE="2G")  # instead of config/config.yaml's
    job = re.findall(r"Scheduled job (\d+)", told)[0]
    until(lambda: cluster.ended(job))
    assert cluster.account(job, "State") == "COMPLETED"
    logs = [path.read_text() for path in tmp_path.glob("xps/*/prepare.log.*")]
    made = [int(count) for log in logs for count in re.findall(r"(\d+) items made, 0 were there", log)]
    assert len(made) == 2 and min(made) > 0
    _run(tmp_path, *dora, "run", *asked, "orchestrator.store=true", "optim.epochs=1")


def test_a_reproduction_is_a_chain_of_jobs(cluster: Cluster, tmp_path: Path) -> None:
    """Each waits for the one before, and what they leave is what the command looks for."""
    small = ("--scale", "nano", "--works", "4", "--excerpts", "2", "--shown", "1", "--workers", "1", "optim.epochs=1",
             "optim.updates_per_epoch=2", "schedule.cosine.warmup=1", "dataset.valid.num_samples=4",
             "dataset.evaluate.num_samples=4", "dataset.generate.num_samples=2",
             "evaluate.metrics.clips=[]")  # fmt: skip
    words = ("orchestrator_solver.cli", "reproduce", "--out", str(tmp_path / "out"), *small)
    told = _run(tmp_path, *words, "--slurm", "--memory", "2", "--account", "paper", "--minutes", "20")
    assert told.count(": job ") == 6
    last = re.findall(r": job (\d+)", told)[-1]
    until(lambda: cluster.ended(last), 2 * DEADLINE)
    assert cluster.account(last, "State,Account") == "COMPLETED|paper"
    assert "all steps are done" in _run(tmp_path, *words, "--slurm")
    assert "Fine-tuned" in (tmp_path / "out/table1/table1.md").read_text()

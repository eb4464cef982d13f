"""A run that Slurm preempts, in every way it does, is put back, goes on from the very step and ends with the same bits;
it goes on about as soon as it starts."""

from datetime import datetime
from pathlib import Path

import pytest
from slurm.cluster import Cluster
from slurm.tiny_grid import UPDATES, TinyGrid, until

ROWS = """
def explore(launcher, late):
    launcher.slurm_(gpus=1, mem_per_gpu=1, cpus_per_gpu=1, time=20, partition="debug")
    for label in ("straight", "alone", "submitit", "urgent", "starting"):
        launcher({"label": label})
"""
MORE_SECONDS = 10  # that a run may take from its preemption to its next update than from its start to its first
pytestmark = pytest.mark.slurm


@pytest.fixture(scope="module")
def grid(
    cluster: Cluster, tiny_data: Path, tiny_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> TinyGrid:  # fmt: skip
    """A grid of which one row has run undisturbed."""
    made = TinyGrid(tmp_path_factory.mktemp("project"), ROWS, tiny_data, tiny_models, cluster)
    made.ask(rows="straight")
    until(lambda: made.ended("straight"))
    return made


def _in_the_middle(grid: TinyGrid, label: str) -> None:
    grid.ask(rows=label)
    until(lambda: any(epoch == 2 and number >= UPDATES // 2 for _, epoch, number, _ in grid.updates(label)))


def _goes_on(grid: TinyGrid, label: str) -> None:
    """Begin again at once, and end as the row that nobody disturbed; Slurm would wait for two minutes."""
    until(lambda: grid.queued(label) in ("PENDING", ""))
    grid.cluster.ask("scontrol", "update", f"JobId={grid.jobs[label]}", "StartTime=now")
    until(lambda: grid.ended(label))
    assert grid.state(label) == "COMPLETED"
    assert grid.history(label) == grid.history("straight")


def test_it_goes_on_about_as_soon_as_it_starts(grid: TinyGrid, capsys: pytest.CaptureFixture) -> None:
    _in_the_middle(grid, "alone")
    begun = datetime.fromisoformat(grid.account("alone", "Start"))
    at = datetime.now()
    grid.cluster.ask("scancel", "--signal=USR2", grid.jobs["alone"])
    _goes_on(grid, "alone")
    updates = grid.updates("alone")
    fresh = (updates[0][0] - begun).total_seconds()
    resumed = (
        next(when for when, _, number, total in updates if number == 1 and total != UPDATES) - at
    ).total_seconds()
    with capsys.disabled():
        print(f"\nfrom start to first update {fresh:.0f} s, from preemption to next update {resumed:.0f} s")
    assert resumed <= fresh + MORE_SECONDS


def test_two_signals_at_once_are_one(grid: TinyGrid) -> None:
    """As submitit itself preempts a job to try it."""
    _in_the_middle(grid, "submitit")
    for number in ("TERM", "USR2"):
        grid.cluster.ask("scancel", f"--signal={number}", grid.jobs["submitit"])
    _goes_on(grid, "submitit")
    assert "saved after" in grid.log("submitit")


def test_a_job_of_a_partition_that_goes_before(grid: TinyGrid) -> None:
    """Slurm sends SIGTERM and gives half a minute; a job that ended by itself in it would have failed."""
    _in_the_middle(grid, "urgent")
    grid.cluster.ask("sbatch", "--partition=urgent", "--gres=gpu:2", "--mem=1G", "--output=/dev/null", "--wrap=sleep 1")
    _goes_on(grid, "urgent")
    assert "SIGTERM: saved after" in grid.log("urgent")


def test_one_that_has_not_begun_to_train(grid: TinyGrid) -> None:
    """submitit's own handler is asked, while Python still imports."""
    grid.ask(rows="starting")
    until(lambda: "Loading pickled main" in grid.output("starting"))
    grid.cluster.ask("scancel", "--signal=USR2", grid.jobs["starting"])
    _goes_on(grid, "starting")

"""`dora grid` on a real Slurm: a row fails and is retried, is cancelled, is preempted and ends with the bits of one
that nobody disturbed; rows share a job array, two tasks share a run, and the monitor's table has our columns."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import pytest
from slurm.cluster import Cluster
from slurm.tiny_grid import UPDATES, TinyGrid, until

ROWS = """
def explore(launcher, late):
    launcher.slurm_(gpus=1, mem_per_gpu=1, cpus_per_gpu=1, time=20, partition="debug", account="paper", qos="short")
    with launcher.job_array():
        launcher({"label": "preempted"})
        launcher({"label": "cancelled", "optim.epochs": 4000})
        launcher({"label": "straight"})
        launcher({"label": "broken", "dset_root": late})
    launcher.slurm_(gpus=2)
    launcher({"label": "pair"})
"""
pytestmark = pytest.mark.slurm


@dataclass
class Story:
    """What happened to the rows.

    Attributes:
        states: of the jobs, once all had ended for the first time.
        tables: that the monitor printed, at first and at the end.
        retried: labels of the rows that `-r` submitted again.
        preempted_at: when.
    """

    grid: TinyGrid
    tables: list[str] = field(default_factory=list)
    states: dict[str, str] = field(default_factory=dict)
    retried: list[str] = field(default_factory=list)
    preempted_at: datetime = datetime.min


@pytest.fixture(scope="module")
def story(cluster: Cluster, tiny_data: Path, tiny_models: Path, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """All of it, done once."""
    grid = TinyGrid(tmp_path_factory.mktemp("project"), ROWS, tiny_data, tiny_models, cluster)
    told = Story(grid, [grid.ask()])
    until(lambda: any(epoch == 2 and number >= UPDATES // 2 for _, epoch, number, _ in grid.updates("preempted")))
    told.preempted_at = datetime.now()
    cluster.ask("scancel", "--signal=USR2", grid.jobs["preempted"])
    until(lambda: grid.state("preempted") == "PENDING")
    # A job that was put back waits for two minutes, which are Slurm's own (AuthInfo's cred_expire).
    cluster.ask("scontrol", "update", f"JobId={grid.jobs['preempted']}", "StartTime=now")
    until(lambda: grid.state("cancelled") == "RUNNING")
    grid.ask("--cancel", rows="cancelled")
    until(lambda: grid.ended(*grid.jobs))
    told.states = {label: grid.state(label) for label in grid.jobs}
    grid.late.symlink_to(tiny_data)
    jobs = dict(grid.jobs)
    grid.ask("--retry", rows="!cancelled")
    told.retried = [label for label, job in grid.jobs.items() if jobs[label] != job]
    until(lambda: grid.ended(*grid.jobs))
    told.tables.append(grid.ask())
    return told


def test_rows_share_a_job_array(story: Story) -> None:
    array = {label: story.states[label] for label in ("preempted", "cancelled", "straight", "broken")}
    assert list(array) == [label for label in story.grid.jobs if label != "pair"]
    assert story.grid.account("straight", "Account,QOS,ReqMem") == "paper|short|1G"


def test_one_that_fails_is_retried_alone(story: Story) -> None:
    assert story.states["broken"] == "FAILED" and story.retried == ["broken"]
    assert story.grid.state("broken") == "COMPLETED" and len(story.grid.history("broken")) == 4


def test_one_that_is_cancelled_is_so_for_slurm_and_dora(story: Story) -> None:
    assert story.states["cancelled"].startswith("CANCELLED")
    assert "saved after" in story.grid.log("cancelled"), "so that it can go on"


def test_one_that_is_preempted_loses_no_step_and_ends_with_the_same_bits(story: Story) -> None:
    log = story.grid.log("preempted")
    ((done, epoch),) = re.findall(rf"SIGUSR2: saved after (\d+) of {UPDATES} updates of epoch (\d+)", log)
    first = next(entry for entry in story.grid.updates("preempted") if entry[0] >= story.preempted_at and entry[2] == 1)
    assert first[1:] == (int(epoch), 1, UPDATES - int(done))
    assert story.grid.history("preempted") == story.grid.history("straight")
    assert story.states["preempted"] == story.states["straight"] == "COMPLETED"


def test_two_tasks_train_one_model(story: Story) -> None:
    assert story.states["pair"] == "COMPLETED" and (story.grid.run("pair") / "solver.log.1").exists()
    for two, one in zip(story.grid.history("pair"), story.grid.history("straight"), strict=True):
        for stage in ("train", "valid"):
            assert two[stage]["ce"] == pytest.approx(one[stage]["ce"], rel=1e-5)


def test_the_monitor_tells_state_and_our_columns(story: Story) -> None:
    """Dora shortens the names of columns to the width of their values."""
    first, last = story.tables
    assert last.count(" COM ") == 4 and last.count(" CAN ") == 1 and " COM " not in first
    groups, columns, *rows = last.splitlines()[2:]
    assert [group.strip() for group in groups.split("|")][1:4] == ["train", "valid", "evaluate"]
    assert re.search(r"best_c\w* +best_e", columns)
    ce = f"{story.grid.history('straight')[-1]['valid']['ce']:.4f}"
    assert [row for row in rows if "label=straight" in row and row.count(ce) == 2], "the last epoch is the best"

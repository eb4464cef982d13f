"""A run is trained by one process at a time: a second one is told who does, and a dead one holds nothing."""

import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from multiprocessing.context import ForkProcess
from pathlib import Path

import pytest

from dataset_builder.errors import UserError
from orchestrator_solver.runtime import run_lock

FORK = multiprocessing.get_context("fork")


def _train(folder: Path, child: bool) -> None:
    """Hold a run, perhaps with a child as loaders have, until killed."""
    with run_lock.training(folder):
        if child and os.fork() == 0:
            time.sleep(30)
            os._exit(0)
        (folder / "held").touch()
        signal.pause()


@pytest.fixture(params=[False, True], ids=["alone", "with a loader"])
def other(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ForkProcess]:
    """Another process that trains the run in `tmp_path`."""
    monkeypatch.setattr(run_lock, "PATIENCE", 0.2)
    process = FORK.Process(target=_train, args=(tmp_path, request.param))
    process.start()
    while not (tmp_path / "held").exists():
        time.sleep(0.01)
    yield process
    process.kill()
    process.join()


def test_a_second_process_is_told_who_trains(tmp_path: Path, other: ForkProcess) -> None:
    words = rf"is being trained by 'process {other.pid} on .* since"
    with pytest.raises(UserError, match=words) as caught, run_lock.training(tmp_path):
        pass
    assert "\n" not in str(caught.value)


def test_a_killed_process_holds_nothing(tmp_path: Path, other: ForkProcess) -> None:
    other.kill()
    other.join()
    with run_lock.training(tmp_path):
        pass

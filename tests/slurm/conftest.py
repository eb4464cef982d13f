"""A real Slurm for the tests here, which are skipped with the reason where there can be none."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm.cluster import Cluster, lacks


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster that was started from an empty folder, for clients of this process, too."""
    if reason := lacks():
        pytest.skip(reason)
    folder = Path(tempfile.mkdtemp(prefix="slurm-", dir="/tmp"))  # short: it holds sockets
    started = Cluster(folder)
    before = dict(os.environ)
    try:
        started.start()
        # sbatch hands on its environment, and would prefer what it is told by these to what a script asks for.
        os.environ.update(started.environment, SBATCH_PARTITION="debug")
        yield started
    finally:
        started.stop()
        os.environ.clear()
        os.environ.update(before)
    shutil.rmtree(folder)

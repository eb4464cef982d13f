"""From the command to the first update from the store, against the same command that only shows the model."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from dataset_builder.bench.measurement import Report
from dataset_builder.errors import UserError

from ...paths import PROJECT

FIRST = "Train | Epoch 1 | 1/"  # flashy's line after the second update: a little later than asked for
RUN = ["logging.log_updates=1000", "optim.updates_per_epoch=1000", "optim.epochs=1", "num_threads=2"]


@dataclass(frozen=True)
class StartupReport(Report):
    """Seconds of each turn.

    Attributes:
        first_update: from the command to the first line about updates.
        show: of the whole command with show=true.
        more: median of the differences.
    """

    first_update: tuple[float, ...]
    show: tuple[float, ...]
    more: float

    def text(self) -> str:
        """The report for a terminal."""
        first, show = statistics.median(self.first_update), statistics.median(self.show)
        return f"first update {first:.1f} s, show=true {show:.1f} s: {self.more:.1f} s more"


def bench_startup(data: Path, turns: int) -> StartupReport:
    """Start the nano fine-tuning by turns, in processes of its own.

    Args:
        data: a prepared data set.
        turns: of each side.

    Raises:
        UserError: if a run fails.
    """
    first, show = [], []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        for turn in tqdm(range(turns), "starts", unit="turn"):
            command = [
                sys.executable, "-m", "dora", "run", "solver=orchestrator_nano", f"dset_root={data.absolute()}", *RUN,
                f"label={turn}",
            ]  # fmt: skip
            show.append(seconds_until(None, [*command, "show=true"], Path(folder)))
            first.append(seconds_until(FIRST, command, Path(folder)))
    more = statistics.median(ours - theirs for ours, theirs in zip(first, show, strict=True))
    return StartupReport(tuple(first), tuple(show), more)


def seconds_until(words: str | None, command: list[str], folder: Path) -> float:
    """How long a process takes until it says these words, and is then ended; until it ends by itself if None.

    Args:
        words: part of a line on its standard error.
        command: starts it.
        folder: of its runs.

    Raises:
        UserError: with its last line, if it ends before.
    """
    environment = {**os.environ, "ORCHESTRATOR_DORA_DIR": str(folder)}
    begin = time.monotonic()
    with subprocess.Popen(
        command, cwd=PROJECT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        last = ""
        for line in process.stderr:
            last = line.strip() or last
            if words and words in line:
                seconds = time.monotonic() - begin
                process.kill()
                return seconds
        if words is None and process.wait() == 0:
            return time.monotonic() - begin
    raise UserError(f"the run ended early: {last[-300:]}")

"""Rows of a grid side by side, each with its share of the machine, against the same rows one after another."""

import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from dataset_builder.bench.measurement import Report
from dataset_builder.errors import UserError

from ...workflows.sweep.rows import Row, single_row
from ...workflows.sweep.running import run_rows

FEW = [
    "solver=orchestrator_nano", "optim.epochs=1", "optim.updates_per_epoch=10", "schedule.cosine.warmup=2",
    "dataset.valid.num_samples=16", "dataset.evaluate.num_samples=16", "dataset.generate.num_samples=2",
    "generate.lm.gen_duration=2.0", "evaluate.metrics.clips=[]",
]  # fmt: skip


@dataclass(frozen=True)
class SweepReport(Report):
    """Seconds of all rows.

    Attributes:
        rows: how many.
        jobs: at once.
        beside: seconds of them so.
        after: seconds of the same rows one after another.
        ratio: of the former to the latter.
    """

    rows: int
    jobs: int
    beside: float
    after: float
    ratio: float

    def text(self) -> str:
        """The report for a terminal."""
        return (
            f"{self.rows} rows: {self.beside:.0f} s, {self.jobs} at once; {self.after:.0f} s, one after another; "
            f"ratio {self.ratio:.2f}"
        )


def bench_sweep(data: Path, count: int, jobs: int) -> SweepReport:
    """Run seeds of the nano fine-tuning, ten updates each, first side by side and then one after another.

    Args:
        data: a prepared data set.
        count: rows.
        jobs: at once.

    Raises:
        UserError: if a row fails, or there are fewer cores than jobs.
    """
    seconds = []
    for at_once in (jobs, 1):
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            rows = _rows(data, count, Path(folder))
            begin = time.monotonic()
            if failures := run_rows(rows, at_once):
                raise UserError(str(failures[0]).partition("; all of it")[0])
            seconds.append(time.monotonic() - begin)
    beside, after = seconds
    return SweepReport(count, jobs, beside, after, beside / after)


def _rows(data: Path, count: int, folder: Path) -> list[Row]:
    """Seeds, whose runs are kept in a folder."""
    from ...train import main

    main.dora.dir = folder
    os.environ["ORCHESTRATOR_DORA_DIR"] = str(folder)  # of the rows' processes
    given = [*FEW, f"dset_root={data.absolute()}"]
    return [single_row(f"seed={seed}", [*given, f"seed={seed}"]) for seed in range(count)]

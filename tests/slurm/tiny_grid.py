"""A grid of tiny runs in a project of its own, and how `dora grid` is asked for it."""

import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from slurm.cluster import Cluster
from support.tiny_runs import DEADLINE, TINY, run_environment

from orchestrator_solver.paths import PROJECT
from orchestrator_solver.runtime.throughput import OF_THE_MACHINE
from orchestrator_solver.workflows.sweep.rows import COLOUR_CODE

UPDATES = 60  # of an epoch, each with a line in the log
LONG = ("optim.epochs=4", f"optim.updates_per_epoch={UPDATES}", "schedule.cosine.warmup=4", "device=cpu",
        f"logging.log_updates={UPDATES}", "classifier_free_guidance.training_dropout=0.3")  # fmt: skip
SUBMITTED = re.compile(r"Scheduled job (\S+) for sheep (\w+)/.*label=(\w+)")
UPDATE = re.compile(r"\[(\d\d-\d\d \d\d:\d\d:\d\d)\S* - Train \| Epoch (\d+) \| (\d+)/(\d+)")


def until(seen: Callable[[], object], seconds: float = DEADLINE / 2) -> None:
    """Wait for something."""
    end = time.monotonic() + seconds
    while not seen():
        assert time.monotonic() < end, "it did not come in time"
        time.sleep(0.05)


class TinyGrid:
    """A grid called `tiny`.

    Args:
        folder: of the project, and of its runs.
        rows: source of a function `explore(launcher, late)`; `late` is a data set that is not there at first.
        data: that all others read.
        models: the tiny ones.
        cluster: where it runs.
    """

    def __init__(self, folder: Path, rows: str, data: Path, models: Path, cluster: Cluster) -> None:
        self.folder, self.late, self.cluster = folder, folder / "late", cluster
        shutil.copytree(PROJECT / "grids", folder / "grids")
        codec = f"compression_model_checkpoint=//pretrained/{models.parent}/codec"
        bound = [*TINY, codec, f"dset_root={data}", *LONG]
        (folder / "grids" / "tiny.py").write_text(
            f"from grids._explorer import OrchestratorExplorer\n{rows}\n"
            f"explorer = OrchestratorExplorer(lambda launcher: explore(launcher.bind({bound!r}), {str(self.late)!r}))\n"
        )
        self.jobs: dict[str, str] = {}
        self.signatures: dict[str, str] = {}

    def ask(self, *flags: str, rows: str | None = None) -> str:
        """What `dora grid` prints; notes the jobs that it submits."""
        command = [sys.executable, "-m", "dora", "--package", "orchestrator_solver", "grid", "--no_monitoring", *flags]
        done = subprocess.run(
            [*command, "tiny", *([rows] if rows else [])], cwd=self.folder, capture_output=True, text=True,
            env={**run_environment(self.folder / "runs"), "PYTHONPATH": str(PROJECT)},
            timeout=DEADLINE, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        for job, signature, label in SUBMITTED.findall(done.stderr):
            self.jobs[label], self.signatures[label] = job, signature
        return COLOUR_CODE.sub("", done.stdout)

    def state(self, label: str) -> str:
        """What Slurm's accounts say of a row's job."""
        return self.account(label, "State")

    def account(self, label: str, field: str) -> str:
        """A field of Slurm's accounts of a row's job."""
        return self.cluster.account(self.jobs[label], field)

    def queued(self, label: str) -> str:
        """What Slurm's queue says of a row's job, which knows of it before the accounts do."""
        return self.cluster.ask("squeue", "--noheader", "--format=%T", f"--jobs={self.jobs[label]}").strip()

    def run(self, label: str) -> Path:
        """The folder of a row's run."""
        return self.folder / "runs" / "xps" / self.signatures[label]

    def log(self, label: str) -> str:
        """What the row's first process logged; nothing before it began."""
        path = self.run(label) / "solver.log.0"
        return path.read_text() if path.exists() else ""

    def output(self, label: str) -> str:
        """What the row's first process wrote, in all its lives."""
        return "".join(path.read_text() for path in self.run(label).glob("submitit/*_0_log.out"))

    def updates(self, label: str) -> list[tuple[datetime, int, int, int]]:
        """Of each update that was logged: when, epoch, number, and how many the process had before it."""
        year = datetime.now().year
        return [
            (datetime.strptime(f"{year}-{when}", "%Y-%m-%d %H:%M:%S"), int(epoch), int(number), int(total))
            for when, epoch, number, total in UPDATE.findall(COLOUR_CODE.sub("", self.log(label)))
        ]

    def history(self, label: str) -> list[dict]:
        """A row's metrics of training and validation, but those that measure this machine."""
        return [
            {stage: {name: value for name, value in epoch[stage].items() if name not in OF_THE_MACHINE}
             for stage in ("train", "valid")}
            for epoch in json.loads((self.run(label) / "history.json").read_text())
        ]  # fmt: skip

    def ended(self, *labels: str) -> bool:
        """Whether no job of these rows waits or runs."""
        return all(self.cluster.ended(self.jobs[label]) for label in labels)

"""A command in a process of its own, and what it costs."""

import os
import resource
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset_builder.errors import UserError

from ...paths import PROJECT


@dataclass(frozen=True)
class Child:
    """A command that has ended well.

    Attributes:
        cpu_seconds: of it and of the processes that it started, user and system.
        stdout: what it printed.
        stderr: what it said beside that.
    """

    cpu_seconds: float
    stdout: str
    stderr: str


def run_child(command: Sequence[str], folder: Path) -> Child:
    """Run a command in the checkout, with runs and bytecode in a folder: bytecode is written, and read the next time.

    Raises:
        UserError: with its last line, if it fails.
    """
    environment = {
        **os.environ, "ORCHESTRATOR_DORA_DIR": str(folder), "PYTHONPYCACHEPREFIX": str(folder / "bytecode"),
        "PYTHONDONTWRITEBYTECODE": "",
    }  # fmt: skip
    before = _cpu_seconds()
    done = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        last = (done.stderr.strip() or done.stdout.strip() or "it said nothing").splitlines()[-1]
        raise UserError(f"{' '.join(command[1:])[-200:]} ended with code {done.returncode}: {last[-300:]}")
    return Child(_cpu_seconds() - before, done.stdout, done.stderr)


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime

"""A reproduction as jobs of Slurm: a script for each step, each of which waits until the one before has ended well."""

import math
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic

from ...paths import PROJECT
from .step import Step

FOLDER = "slurm"  # in the folder of all that is made
SUBMIT = "submit.sh"
_LONGER = 2  # times what was reckoned is a job's limit, at least an hour


@dataclass(frozen=True)
class Jobs:
    """What every job asks Slurm for.

    Attributes:
        partition: Slurm's.
        account: Slurm's.
        gpus: of a step that wants them.
        cores: of a job.
        memory: GB of a job.
        minutes: limit of each; None for twice what its step was reckoned to take.
    """

    partition: str | None
    account: str | None
    gpus: int
    cores: int
    memory: int
    minutes: int | None = None


def write(out: Path, steps: Sequence[Step], jobs: Jobs, again: Sequence[str]) -> Path:
    """Write the scripts, and one that submits them; returns that.

    Args:
        out: of the reproduction.
        steps: to do.
        jobs: what they ask for.
        again: words of our own command, which with `--only STEP` runs a step and records that it is done.
    """
    lines = ["#!/bin/bash", "set -e"]
    for number, step in enumerate(steps):
        path = out / FOLDER / f"{number + 1:02d}-{step.name}.sbatch"
        atomic.write_text(path, _script(step, path, jobs, again))
        after = '--dependency=afterok:"$job" --kill-on-invalid-dep=yes ' if number else ""
        lines += [f"job=$(sbatch --parsable {after}{shlex.quote(str(path))})", 'job="${job%%;*}"']
        lines.append(f'echo "{step.name}: job $job"')
    submit = out / FOLDER / SUBMIT
    atomic.write_text(submit, "\n".join(lines) + "\n")
    return submit


def _script(step: Step, path: Path, jobs: Jobs, again: Sequence[str]) -> str:
    minutes = jobs.minutes or 60 * max(1, math.ceil(_LONGER * step.takes.hours))
    asked = {
        "job-name": step.name, "output": f"{path.with_suffix('')}-%j.log", "time": str(minutes), "nodes": "1",
        "ntasks": "1", "cpus-per-task": str(jobs.cores), "mem": f"{jobs.memory}G", "partition": jobs.partition,
        "account": jobs.account, "gres": f"gpu:{jobs.gpus}" if step.on_gpu else None,
    }  # fmt: skip
    lines = ["#!/bin/bash", *(f"#SBATCH --{name}={value}" for name, value in asked.items() if value)]
    command = [sys.executable, "-m", "orchestrator_solver.cli", *again, "--only", step.name]
    lines += [f"# {step.line}", f"cd {shlex.quote(str(PROJECT))}", f"exec {shlex.join(command)}"]
    return "\n".join(lines) + "\n"


def submit(script: Path) -> str | None:
    """Submit the jobs; returns what the script printed, or None where there is no sbatch.

    Raises:
        UserError: if Slurm refuses one.
    """
    if shutil.which("sbatch") is None:
        return None
    done = subprocess.run(["bash", str(script)], capture_output=True, text=True, check=False)
    if done.returncode:
        told = " ".join(done.stderr.split())[:300]
        begun = f" (submitted before: {', '.join(done.stdout.split(chr(10))[:-1])})" if done.stdout else ""
        raise UserError(
            f"Slurm refuses a job of {script}: {told}{begun}; cancel those, and name --partition or --account"
        )
    return done.stdout.rstrip()

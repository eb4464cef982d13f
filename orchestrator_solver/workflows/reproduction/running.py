"""Runs steps one after another, each as a process of its own that is told to stop when we are."""

import signal
import subprocess
from collections.abc import Sequence

from dataset_builder.errors import UserError

from ...paths import PROJECT
from .progress import Progress
from .step import Step


def run(progress: Progress, until: str | None = None, only: str | None = None) -> None:
    """Run what is to do.

    Args:
        progress: of all steps.
        until: the last step to run.
        only: the one step to run.

    Raises:
        UserError: before anything is run, if a step would lack something; or if one fails.
    """
    steps = up_to(progress.to_do(), only or until)
    if only and len(steps) > 1:
        raise UserError(f"{only} is made of what {steps[0].name} makes, which is not done: run that before")
    refuse_lacking(steps)
    for step in steps:
        _run_step(progress, step)
    if not steps:
        print("nothing is left to do")


def _run_step(progress: Progress, step: Step) -> None:
    print(f"[{progress.steps.index(step) + 1}/{len(progress.steps)}] {step.name}: {step.line}", flush=True)
    progress.begin(step)
    if code := _exit_code(step.argv):
        raise UserError(f"the step {step.name} ended with exit code {code}; the same command goes on ({step.line})")
    progress.end(step)


def refuse_lacking(steps: Sequence[Step], here: bool = True) -> None:
    """Stop if a step would lack something.

    Args:
        steps: that are to be run.
        here: whether on this machine.

    Raises:
        UserError: what the first ones lack, and how to get it.
    """
    found = [(step.name, lack) for step in steps for lack in step.lacks() if here or not lack.of_node]
    if found:
        lines = "; ".join(f"{name}: {lack.text}" for name, lack in found)
        raise UserError(f"{len({name for name, _ in found})} steps lack something, nothing was run: {lines}")


def up_to(steps: Sequence[Step], until: str | None) -> list[Step]:
    """The steps up to one of this name; none, if it is done."""
    names = [step.name for step in steps]
    if until is None:
        return list(steps)
    return list(steps[: names.index(until) + 1]) if until in names else []


def _exit_code(argv: Sequence[str]) -> int:
    """Of a process in the project's folder; it is waited for however we are stopped, since it may be saving."""
    process = subprocess.Popen(argv, cwd=PROJECT)
    before = signal.signal(signal.SIGTERM, _stop)
    try:
        return process.wait()
    except SystemExit:
        process.terminate()
        raise
    finally:  # after Ctrl-C, which a terminal sends to both
        process.wait()
        signal.signal(signal.SIGTERM, before)


def _stop(signum: int, frame: object) -> None:
    raise SystemExit(128 + signum)

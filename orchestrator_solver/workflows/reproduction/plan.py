"""What a reproduction would do here: every step with its state, its cost, and what it lacks."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from .progress import Progress
from .step import Step, Takes


def text(progress: Progress, replaced: Sequence[str] = ()) -> str:
    """The plan for a terminal.

    Args:
        progress: of the steps.
        replaced: a line for each part of the paper that something else stands in for.
    """
    left = progress.to_do()
    lines = [f"{'step':11}{'state':9}{'hours':>8}{'GB':>8}{'$':>8}  makes"]
    for step in progress.steps:
        lines += _lines(step, step in left)
    hours, gigabytes, dollars = (sum(getattr(step.takes, name) for step in left) for name in _COSTS)
    lines.append(f"{'all to do':20}{hours:8.1f}{gigabytes:8.1f}{dollars:8.2f}")
    free = shutil.disk_usage(_existing(progress.path.parent)).free / 1e9
    enough = "" if free > gigabytes else ": too little"
    lines.append(f"{free:.1f} GB are free in {progress.path.parent}{enough}; hours of machines are not in the dollars")
    return "\n".join([*lines, *(f"not the paper's: {line}" for line in replaced)])


_COSTS = ("hours", "gigabytes", "dollars")


def _lines(step: Step, to_do: bool) -> list[str]:
    """A step's line; where it is to do, its command, how its cost was reckoned, and what it lacks."""
    lacks = [lack.text for lack in step.lacks()] if to_do else []
    state = "lacks" if lacks else "to do" if to_do else "done"
    takes = step.takes if to_do else Takes(0)
    cost = f"{takes.hours:8.1f}{takes.gigabytes:8.1f}{takes.dollars:8.2f}"
    lines = [f"{step.name:11}{state:9}{cost}  {step.makes}"]
    if to_do:
        lines += [f"    {step.line}", f"    reckoned: {step.takes.rule}"]
        lines += [f"    lacks: {lack}" for lack in lacks]
    return lines


def _existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())

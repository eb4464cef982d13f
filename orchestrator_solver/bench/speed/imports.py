"""What a command spends before its work begins, in CPU time, against `import torch` in turns with it."""

import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import numpy as np
import soundfile
from tqdm import tqdm

from dataset_builder.bench.measurement import Report

from .child import run_child
from .import_tree import Import, costliest

TORCH, READING, PLAYING, SHOWN, FIRST_ROW, ROWS = "torch", "reading", "playing", "shown", "first row", "rows"
MORE_ROWS = 8
# The command as it is, which ends where its model would play; of its reading of the tune it says the seconds.
ORCHESTRATE = """
import sys, time
from orchestrator_solver.cli import main
from orchestrator_solver.generation import reference_audio
read = reference_audio.read_reference
def timed(*arguments):
    begin = time.process_time()
    reference = read(*arguments)
    print(time.process_time() - begin)
    from orchestrator_solver.generation import orchestrate
    orchestrate.orchestrate = lambda *arguments: sys.exit(0)
    return reference
reference_audio.read_reference = timed
main()
"""
# `dora grid` as it is, of the first rows of a grid.
GRID = """
import itertools, sys
from dora.__main__ import main
from dora.explore import Launcher
rows, calls, call = int(sys.argv.pop(1)), itertools.count(), Launcher.__call__
Launcher.__call__ = lambda *arguments, **options: call(*arguments, **options) if next(calls) < rows else None
main()
"""
PLAYS = "import orchestrator_solver.generation.model, orchestrator_solver.generation.orchestrate"


@dataclass(frozen=True)
class Cost:
    """What a start costs.

    Attributes:
        what: is started.
        value: the median of its turns.
        wanted: at most; None says nothing.
        unit: of both.
    """

    what: str
    value: float
    wanted: float | None = None
    unit: str = "times import torch"

    def text(self) -> str:
        """A line for a terminal."""
        wanted = f" (wanted: at most {self.wanted:g})" if self.wanted else ""
        return f"{self.value:6.2f} {self.unit}{wanted}: {self.what}"


@dataclass(frozen=True)
class ImportsReport(Report):
    """Starts of commands.

    Attributes:
        torch: seconds of CPU that `import torch` takes, the median of its turns.
        costs: of the commands.
        costliest: the most expensive imports of playing, the dearest first.
    """

    torch: float
    costs: tuple[Cost, ...]
    costliest: tuple[Import, ...]

    def text(self) -> str:
        """The report for a terminal."""
        imports = [f"{one.seconds:6.3f} s {one.module}, asked by {one.asked_by}" for one in self.costliest]
        lines = [f"{self.torch:6.2f} s of CPU: import torch", *(cost.text() for cost in self.costs)]
        return "\n".join([*lines, f"costliest imports of playing, by their own time ({PLAYS}):", *imports])


def bench_imports(data: Path, helps: Sequence[Sequence[str]], turns: int) -> ImportsReport:
    """Start each command in turn, in processes of its own; what a first start writes (bytecode, numba's) is there.

    Args:
        data: a data set, for `show=true`.
        helps: the words after `python -m` of every command that prints help.
        turns: of each command.

    Raises:
        UserError: if a command fails.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder = Path(name)
        commands = _commands(data, _tune(folder / "tune.wav"), folder)
        seconds: dict[str, list[float]] = {name: [] for name in [*commands, READING]}
        for turn in tqdm(range(turns + 1), "starts", unit="turn"):  # the first writes caches, and is not counted
            for name, command in commands.items():
                child = run_child(command, folder)
                if turn:
                    seconds[name].append(child.cpu_seconds)
                    seconds[READING] += [float(child.stdout.split()[0])] if name == PLAYING else []
        python = [sys.executable, "-m"]
        slowest = max((run_child([*python, *words], folder).cpu_seconds, " ".join(words)) for words in helps)
        tree = run_child([sys.executable, "-X", "importtime", "-c", PLAYS], folder).stderr
    return ImportsReport(median(seconds[TORCH]), _costs(seconds, *slowest), costliest(tree, 10))


def _commands(data: Path, tune: Path, folder: Path) -> dict[str, list[str]]:
    """What is started, by the name of what is measured."""
    python, grid = [sys.executable, "-c"], ["grid", "orch_sweeps", "--dry_run", "--no_monitoring"]
    options = ["--instruments", "violin, cello", "--out", str(folder), "--device", "cpu"]
    show = [sys.executable, "-m", "dora", "run", "solver=orchestrator_nano", f"dset_root={data.absolute()}"]
    return {
        TORCH: [*python, "import torch"],
        PLAYING: [*python, ORCHESTRATE, "orchestrate", str(tune), *options],
        SHOWN: [*show, "show=true"],
        FIRST_ROW: [*python, GRID, "1", *grid],
        ROWS: [*python, GRID, str(1 + MORE_ROWS), *grid],
    }


def _tune(path: Path) -> Path:
    """Writes 8 s of plucked notes, two a second."""
    rate, pitches = 32_000, np.array([60, 64, 67, 72, 71, 67, 64, 62] * 2)
    time = np.arange(rate // 2) / rate
    phases = 2 * np.pi * 440 * 2 ** ((pitches[:, None] - 69) / 12) * time
    soundfile.write(path, (0.3 * np.exp(-3 * time) * np.sin(phases)).ravel(), rate)
    return path


def _costs(seconds: dict[str, list[float]], slowest_help: float, help_of: str) -> tuple[Cost, ...]:
    def ratio(whole: str, part: str | None = None, share: int = 1) -> float:
        parts = seconds[part] if part else [0.0] * len(seconds[whole])
        turns = zip(seconds[whole], parts, seconds[TORCH], strict=True)
        return median((all_of_it - less) / share / torch for all_of_it, less, torch in turns)

    return (
        Cost("orchestrate of an 8 s tune, without reading and playing it", ratio(PLAYING, READING), 2.5),
        Cost("the same with reading it: tempo and key of audio, by librosa", ratio(PLAYING)),
        Cost("dora run solver=orchestrator_nano show=true", ratio(SHOWN), 3.0),
        Cost("dora grid orch_sweeps --dry_run, each row after the first", ratio(ROWS, FIRST_ROW, MORE_ROWS), 0.5),
        Cost(f"the slowest of all helps, python -m {help_of}", slowest_help, 0.5, "s of CPU"),
    )

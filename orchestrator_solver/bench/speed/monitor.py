"""How long the tables of a sweep take to be shown anew, when many of its runs are far along."""

import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dora.grid import RunGridArgs, monitor
from dora.shep import Sheep

from dataset_builder.bench.measurement import Report

from ...workflows.sweep.board import Board
from ...workflows.sweep.rows import Row, explorer_of, single_row, table

LIMIT = 2.0  # seconds
GRID = "nano_seeds"  # whose columns are shown
STEPS = ("ce", "ppl", *(f"{name}_q{k}" for name in ("ce", "ppl") for k in range(1, 5)))  # of training and validation
MACHINE = ("lr", "d", "grad_norm", "skipped", "nonfinite", "audio_per_second", "memory_gib", "duration")
PLAYED = [
    f"{metric}_{policy}_{prompting}" for metric in ("sim", "melody", "instruments", "kl_musicnn")
    for policy in ("self", "stem") for prompting in ("without", "with")
]  # fmt: skip


@dataclass(frozen=True)
class MonitorReport(Report):
    """Seconds of the slowest of some turns, all histories read anew.

    Attributes:
        runs: how many.
        epochs: in the history of each.
        dora: `dora grid`'s table.
        sweep: the table with which `orchestrator sweep` ends.
        live: its lines while all rows run.
        within: whether each is within the limit.
        begin: seconds to compose the runs, once, before anything is shown.
    """

    runs: int
    epochs: int
    dora: float
    sweep: float
    live: float
    within: bool
    begin: float

    def text(self) -> str:
        """The report for a terminal."""
        return (
            f"{self.runs} runs of {self.epochs} epochs: shown anew by dora grid in {self.dora:.3f} s, by orchestrator "
            f"sweep in {self.sweep:.3f} s, its live lines in {self.live:.3f} s; "
            f"{'within' if self.within else 'OVER'} {LIMIT:g} s. Composing the runs, once, took {self.begin:.1f} s"
        )


def bench_monitor(runs: int, epochs: int, turns: int) -> MonitorReport:
    """Make folders of runs with full histories, and time what a user looks at while they go on.

    Args:
        runs: how many.
        epochs: in the history of each.
        turns: of which the slowest counts.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        begin = time.monotonic()
        rows = _rows(runs, Path(folder))
        begin = time.monotonic() - begin
        for row in rows:
            row.sheep.xp.link.history_file.write_text(json.dumps(_history(epochs), indent=2))  # as Dora writes it
        dora = _slowest(lambda: _dora_table(rows), turns)
        sweep = _slowest(lambda: table(GRID, rows), turns)
        live = _slowest(lambda: [line.text(True) for line in Board(rows).lines.values()], turns)
    return MonitorReport(runs, epochs, dora, sweep, live, max(dora, sweep, live) < LIMIT, begin)


def _rows(count: int, folder: Path) -> list[Row]:
    """Seeds, whose runs are kept in a folder."""
    from ...train import main

    main.dora.dir = folder
    made = [single_row(f"seed={seed}", ["solver=orchestrator_nano", f"seed={seed}"]) for seed in range(count)]
    return [Row(row.name, Sheep(row.sheep.xp), row.epochs) for row in made]


def _history(epochs: int) -> list[dict[str, dict[str, float]]]:
    """All that a run logs by epoch; numbers as long as they are."""
    value = 1.2345678901234567
    stage = dict.fromkeys([*STEPS, *MACHINE], value)
    last = {"evaluate": dict.fromkeys([*STEPS, *PLAYED], value), "generate": {"sim": value, "instruments": value}}
    history = [{"train": stage, "valid": stage} for _ in range(epochs)]
    return [*history[:-1], {**history[-1], **last}]


def _dora_table(rows: Sequence[Row]) -> None:
    from ...train import main

    monitor(RunGridArgs(), main, explorer_of(GRID), [row.sheep for row in rows], lambda *text: None)


def _slowest(show: Callable[[], object], turns: int) -> float:
    seconds = []
    for _ in range(turns):
        begin = time.perf_counter()
        show()
        seconds.append(time.perf_counter() - begin)
    return max(seconds)

"""The experiments of a grid.

Dora expands the grid into experiments and keeps their folders, so that an experiment is the same one whether it was run
here, by `dora run` or on a cluster.
"""

import ast
import importlib
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from dataset_builder.errors import UserError

from ...paths import PROJECT

COLOUR_CODE = re.compile(r"\x1b\[[0-9;]*m")
ERROR_LINE = re.compile(r"error: |[\w.]*(Error|Exception|Interrupt)\b")  # ours, Python's
LOG_NAME = "local.log"  # in the experiment's folder: everything the run printed


@dataclass(frozen=True)
class Row:
    """One experiment of a grid.

    Attributes:
        name: how it differs from the base configuration, as Dora writes it.
        sheep: Dora's handle: signature, folder, configuration, arguments.
        epochs: entries that the history of a finished run has.
    """

    name: str
    sheep: Any
    epochs: int

    @property
    def sig(self) -> str:
        """Dora's signature."""
        return self.sheep.xp.sig

    @property
    def log(self) -> Path:
        """What the run prints goes here."""
        return self.sheep.xp.folder / LOG_NAME

    @property
    def done_epochs(self) -> int:
        """How far it is; what is being written at this moment does not count."""
        self.sheep.xp.link.load()
        return min(len(self.sheep.xp.link.history), self.epochs)

    @property
    def finished(self) -> bool:
        """Whether there is nothing left to do."""
        return self.done_epochs >= self.epochs

    @property
    def state(self) -> str:
        """`finished`, `new`, or how far it is."""
        done = self.done_epochs
        if done >= self.epochs:
            return "finished"
        return f"{done}/{self.epochs}" if done else "new"

    @property
    def last_loss(self) -> float | None:
        """Cross-entropy (nats per code) of the last epoch that has one, of validation if there was any."""
        losses = [
            stages[stage]["ce"] for stages in self.sheep.xp.link.history
            for stage in ("evaluate", "train", "valid") if "ce" in stages.get(stage, {})
        ]  # fmt: skip
        return losses[-1] if losses else None

    @property
    def on_gpu(self) -> bool:
        """Whether its configuration asks for CUDA."""
        return str(self.sheep.xp.cfg.device).startswith("cuda")

    @property
    def command(self) -> list[str]:
        """What runs it."""
        return [sys.executable, "-m", "dora", "--package", "orchestrator_solver", "run", *self.sheep.xp.argv]


def grid_names() -> list[str]:
    """The grids there are."""
    return sorted(path.stem for path in (PROJECT / "grids").glob("[!_]*.py"))


def described() -> str:
    """The grids, each with the question that it answers and what a row costs, as their docstrings say."""
    told = []
    for name in grid_names():
        text = ast.get_docstring(ast.parse((PROJECT / "grids" / f"{name}.py").read_text())) or ""
        cost = re.search(r"Cost a row: ([^;.]*)", " ".join(text.split()))
        told.append(f"{name}\n  {text.partition(chr(10))[0]}\n  a row: {cost[1] if cost else 'not said'}")
    return "\n".join(told)


def expand(name: str, only: Sequence[str] = ()) -> list[Row]:
    """The rows of a grid, initialised so that `dora info -f SIG` knows them.

    Args:
        name: of the grid.
        only: signatures, or else numbers of rows or parts of their names (`*` for anything, `!` in front for all
            others).

    Raises:
        UserError: for an unknown grid, or when no row is left.
    """
    if name not in grid_names():
        raise UserError(f"no grid {name!r}: expected one of {', '.join(grid_names())}")
    from ...train import main

    sheeps = _sheeps(name)
    if only:
        signatures = set(only) & {sheep.xp.sig for sheep in sheeps}
        words = [word for word in only if word not in signatures]
        wanted = signatures | {sheep.xp.sig for sheep in (_sheeps(name, words) if words else ())}
        sheeps = [sheep for sheep in sheeps if sheep.xp.sig in wanted]
    names, _ = main.get_names([sheep.xp for sheep in sheeps])
    return [Row(name, sheep, epochs_of(sheep.xp.cfg)) for name, sheep in zip(names, sheeps, strict=True)]


def _sheeps(name: str, patterns: Sequence[str] = ()) -> list[Any]:
    from dora.grid import RunGridArgs, run_grid

    from ...train import main

    hint = f"to see the rows: orchestrator sweep {name} --dry-run"
    args = RunGridArgs(patterns=list(patterns), monitor=False, silent=True, dry_run=True, init=True)
    try:
        sheeps = run_grid(main, explorer_of(name), name, args=args)
    except IndexError as error:
        raise UserError(f"grid {name} has no row {' or '.join(patterns)}; {hint}") from error
    if not sheeps:
        raise UserError(f"no row of grid {name} is called like {' '.join(patterns)}; {hint}")
    return sheeps


def explorer_of(name: str) -> Any:
    """A grid's explorer."""
    return importlib.import_module(f"grids.{name}").explorer


def single_row(name: str, argv: Sequence[str]) -> Row:
    """The experiment of these overrides, which is in no grid."""
    from ...train import main

    xp = main.get_xp(list(argv))
    main.init_xp(xp)
    return Row(name, SimpleNamespace(xp=xp), epochs_of(xp.cfg))


def epochs_of(cfg: Any) -> int:
    """Entries in the history of a finished run: its epochs, or the one of a stage that is run by itself."""
    return 1 if cfg.execute_only else cfg.optim.epochs


def last_words(log: Path, size: int = 8192) -> str:
    """Why a run ended, as its log says: the last line that is an error's, otherwise the last that is not empty."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - size))
        lines = [line.strip() for line in file.read().decode(errors="replace").splitlines() if line.strip()]
    errors = [line for line in lines if ERROR_LINE.match(line)]
    return (errors or lines or ["it printed nothing"])[-1]


def table(name: str, rows: Sequence[Row]) -> str:
    """The grid's own table of rows, as `dora grid` shows it, without Slurm's columns."""
    import treetable as tt

    explorer, lines = explorer_of(name), []
    for index, row in enumerate(rows):
        row.sheep.xp.link.load()
        meta = {"index": index, "name": row.name, "state": row.state, "sig": row.sig}
        lines.append({"run": meta, **explorer.process_sheep(row.sheep, row.sheep.xp.link.history)})
    meta_columns = [tt.leaf("index", align=">"), tt.leaf("name", wrap=60), tt.leaf("state"), tt.leaf("sig")]
    columns = tt.table(groups=[tt.group("run", meta_columns), *explorer.get_grid_metrics()])
    return COLOUR_CODE.sub("", tt.treetable(lines, columns, colors=["0"]))  # it colours files, too

"""Runs a grid's experiments one after another on this machine, where `dora grid` would want Slurm.

Dora expands the grid into experiments and keeps their folders, so that an experiment is the same one whether it was run
here, by `dora run` or on a cluster. What is finished is left alone, what was interrupted goes on.
"""

import fcntl
import importlib
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from tqdm import tqdm

from dataset_builder.errors import UserError

from ..paths import PROJECT

POLL_SECONDS = 1.0
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
    def command(self) -> list[str]:
        """What runs it."""
        return [sys.executable, "-m", "dora", "--package", "orchestrator_solver", "run", *self.sheep.xp.argv]


@dataclass(frozen=True)
class Failure:
    """A row that ended with an exit code other than 0."""

    row: Row
    code: int

    def __str__(self) -> str:
        return (
            f"{self.row.sig} ended with exit code {self.code} ({last_words(self.row.log)}); all of it: {self.row.log}"
        )


def grid_names() -> list[str]:
    """The grids there are."""
    return sorted(path.stem for path in (PROJECT / "grids").glob("[!_]*.py"))


def expand(name: str, patterns: Sequence[str] = ()) -> list[Row]:
    """The rows of a grid, initialised so that `dora info -f SIG` knows them.

    Args:
        name: of the grid.
        patterns: numbers of rows, or parts of their names (`*` for anything, `!` in front for all others).

    Raises:
        UserError: for an unknown grid, or when no row is left.
    """
    if name not in grid_names():
        raise UserError(f"no grid {name!r}: expected one of {', '.join(grid_names())}")
    from dora.grid import RunGridArgs, run_grid

    from ..train import main

    explorer = importlib.import_module(f"{main.dora.grid_package}.{name}").explorer
    hint = f"to see the rows: orchestrator sweep {name} --dry-run"
    args = RunGridArgs(patterns=list(patterns), monitor=False, silent=True, dry_run=True, init=True)
    try:
        sheeps = run_grid(main, explorer, name, args=args)
    except IndexError as error:
        raise UserError(f"grid {name} has no row {' or '.join(patterns)}; {hint}") from error
    if not sheeps:
        raise UserError(f"no row of grid {name} is called like {' '.join(patterns)}; {hint}")
    names, _ = main.get_names([sheep.xp for sheep in sheeps])
    return [Row(name, sheep, epochs_of(sheep.xp.cfg)) for name, sheep in zip(names, sheeps, strict=True)]


def single_row(name: str, argv: Sequence[str]) -> Row:
    """The experiment of these overrides, which is in no grid."""
    from ..train import main

    xp = main.get_xp(list(argv))
    main.init_xp(xp)
    return Row(name, SimpleNamespace(xp=xp), epochs_of(xp.cfg))


def epochs_of(cfg: Any) -> int:
    """Entries in the history of a finished run: its epochs, or the one of a stage that is run by itself."""
    return 1 if cfg.execute_only else cfg.optim.epochs


def run_rows(rows: Iterable[Row], keep_going: bool = True) -> Iterator[Failure]:
    """Run what is not finished, yielding the failures.

    Args:
        rows: in the order to run them.
        keep_going: whether the rows after a failed one are run too.
    """
    rows = list(rows)
    for number, row in enumerate(rows, 1):
        if row.finished:
            tqdm.write(f"[{number}/{len(rows)}] {row.sig} is finished: {row.name}")
            continue
        tqdm.write(f"[{number}/{len(rows)}] {row.sig} runs: {row.name}")
        code = _run(row)
        if code == 0 and not row.finished:
            code = 1  # it stopped without a word, and would again
        if code:
            failure = Failure(row, code)
            tqdm.write(f"[{number}/{len(rows)}] {failure}")
            yield failure
            if not keep_going:
                return


def _run(row: Row) -> int:
    """The exit code of a run; its epochs are the progress bar. When we are stopped, so is the run.

    The log is locked, and the lock belongs to the run as well, which inherits the file: should it outlive us (we were
    killed), a second one is not started beside it.

    Raises:
        UserError: if somebody else is at it.
    """
    row.log.parent.mkdir(parents=True, exist_ok=True)
    with row.log.open("ab") as log, tqdm(total=row.epochs, initial=row.done_epochs, unit="epoch") as bar:
        try:
            fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UserError(f"{row.sig} is being run by another process: wait for it, or end it") from error
        process = subprocess.Popen(row.command, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        before = signal.signal(signal.SIGTERM, _stop)
        try:
            while process.poll() is None:
                try:
                    process.wait(POLL_SECONDS)
                except subprocess.TimeoutExpired:
                    _advance(bar, row)
            _advance(bar, row)
            return process.returncode
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
            signal.signal(signal.SIGTERM, before)


def _advance(bar: tqdm, row: Row) -> None:
    """Show the row's progress; a bar in a file is only written to when there is some."""
    if new := row.done_epochs - bar.n:
        bar.update(new)
    elif sys.stderr.isatty():
        bar.refresh()


def _stop(signum: int, frame: object) -> None:
    """Lets `finally` end the run before a SIGTERM ends us."""
    raise SystemExit(128 + signum)


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

    explorer = importlib.import_module(f"grids.{name}").explorer
    lines = []
    for index, row in enumerate(rows):
        row.sheep.xp.link.load()
        meta = {"index": index, "name": row.name, "state": row.state, "sig": row.sig}
        lines.append({"run": meta, **explorer.process_sheep(row.sheep, row.sheep.xp.link.history)})
    meta_columns = [tt.leaf("index", align=">"), tt.leaf("name", wrap=60), tt.leaf("state"), tt.leaf("sig")]
    columns = tt.table(groups=[tt.group("run", meta_columns), *explorer.get_grid_metrics()])
    return COLOUR_CODE.sub("", tt.treetable(lines, columns, colors=["0"]))  # it colours files, too

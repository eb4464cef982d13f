"""Runs rows of a grid, several at once: each with its share of the machine, in a process that is stopped with us."""

import fcntl
import os
import signal
import subprocess
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import IO

from dataset_builder.errors import UserError

from .board import Board
from .rows import Row, last_words
from .shares import Share, shares_of

POLL_SECONDS = 1.0


@dataclass(frozen=True)
class Failure:
    """A row that ended with an exit code other than 0."""

    row: Row
    code: int

    def __str__(self) -> str:
        return (
            f"{self.row.sig} ended with exit code {self.code} ({last_words(self.row.log)}); all of it: {self.row.log}"
        )


@dataclass(frozen=True)
class _Waiting:
    """A row that is to be run, and how often it may fail before it counts as failed."""

    row: Row
    retries: int
    again: bool = False


@dataclass(frozen=True)
class _Run:
    """A row's process, with its share and its locked log."""

    of: _Waiting
    share: Share
    process: subprocess.Popen
    log: IO[bytes]

    def failure(self) -> Failure | None:
        """What went wrong, once it has ended."""
        code = self.process.returncode
        if code == 0 and not self.of.row.finished:
            code = 1  # it stopped without a word, and would again
        return Failure(self.of.row, code) if code else None


def run_rows(rows: Sequence[Row], jobs: int = 1, retries: int = 0, keep_going: bool = True) -> list[Failure]:
    """Run what is not finished; returns what failed for good. When we are stopped, so are the runs, by their own way.

    Args:
        rows: in the order to start them.
        jobs: how many at once.
        retries: how often a row that failed is run again, after all others.
        keep_going: whether rows are still started after one that failed for good.

    Raises:
        UserError: for more jobs than the machine has shares for, or a row that another process runs.
        KeyboardInterrupt: after Ctrl-C.
        SystemExit: after SIGTERM.
    """
    left = [row for row in rows if not row.finished]
    shares = shares_of(max(1, min(jobs, len(left))), jobs > 1 and any(row.on_gpu for row in left))
    with _requests_to_stop() as asked:
        sweep = _Sweep(Board(rows), deque(_Waiting(row, retries) for row in left), deque(shares), keep_going, asked)
        for row in rows:
            sweep.board.becomes(row, "waits" if row in left else "finished")
        try:
            while (sweep.runs or sweep.waiting) and not asked:
                sweep.step()
        finally:
            sweep.stop()
    if asked:
        raise KeyboardInterrupt if asked[0] == signal.SIGINT else SystemExit(128 + asked[0])
    return sweep.failures


class _Sweep:
    """Rows that wait, rows that run, and what is free for those that come; `asked` has the signals that came."""

    def __init__(
        self, board: Board, waiting: deque[_Waiting], free: deque[Share], keep_going: bool, asked: Sequence[int]
    ) -> None:
        self.board, self.waiting, self.free, self.keep_going, self.asked = board, waiting, free, keep_going, asked
        self.runs: list[_Run] = []
        self.failures: list[Failure] = []

    def step(self) -> None:
        """Start what there is room for, wait a little, and see what has ended."""
        while self.waiting and self.free:
            self.runs.append(_start(self.waiting.popleft(), self.free.popleft()))
            self.board.begins(self.runs[-1].of.row, self.runs[-1].of.again)
        with suppress(subprocess.TimeoutExpired):
            self.runs[0].process.wait(POLL_SECONDS)
        self.board.refresh()
        for run in [run for run in self.runs if run.process.poll() is not None]:
            if not self.asked:  # else it was stopped as well, by the same terminal
                self._ended(run)

    def _ended(self, run: _Run) -> None:
        self.runs.remove(run)
        self.free.append(run.share)
        run.log.close()
        row, failure = run.of.row, run.failure()
        if failure is None:
            self.board.becomes(row, "finished")
            return
        self.board.say(row, str(failure))
        self.board.becomes(row, "waits" if run.of.retries else "failed")
        if run.of.retries:
            self.waiting.append(_Waiting(row, run.of.retries - 1, again=True))
            return
        self.failures.append(failure)
        if not self.keep_going:
            self.waiting.clear()

    def stop(self) -> None:
        """End what still runs: all are asked first, so that they save side by side."""
        for run in self.runs:
            run.process.terminate()
        for run in self.runs:
            run.process.wait()
            run.log.close()
        self.board.close()


def _start(waiting: _Waiting, share: Share) -> _Run:
    """A row's process. Its log is locked, and the lock belongs to the process as well, which inherits the file: should
    it outlive us (we were killed), a second one is not started beside it.

    Raises:
        UserError: if somebody else is at it.
    """
    row = waiting.row
    row.log.parent.mkdir(parents=True, exist_ok=True)
    log = row.log.open("ab")
    try:
        fcntl.flock(log, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        log.close()
        raise UserError(f"{row.sig} is being run by another process: wait for it, or end it") from error
    process = subprocess.Popen(
        [*row.command, *share.overrides], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
        env={**os.environ, **share.environment},
    )  # fmt: skip
    share.bind(process.pid)
    return _Run(waiting, share, process, log)


@contextmanager
def _requests_to_stop() -> Iterator[list[int]]:
    """The signals that ask us to stop, as they come: none of them falls between a process' start and our knowing it."""
    asked: list[int] = []
    numbers = [n for n in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(n) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda number, frame: asked.append(number)) for number in numbers}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

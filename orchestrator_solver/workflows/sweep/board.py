"""What a sweep shows of its rows: in a terminal a live table, elsewhere a line whenever something has changed."""

import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

from tqdm import tqdm

from dataset_builder.cli import printable

from .rows import Row


@dataclass
class _Line:
    """A row as it is shown.

    Attributes:
        state: waits | runs | again | finished | failed.
        begun: when its present process started, by `time.monotonic`.
        first: epochs that were done then.
        bar: its line of the terminal; one that does not stay draws nothing.
    """

    row: Row
    number: str
    bar: tqdm
    state: str = "waits"
    begun: float = 0.0
    first: int = 0
    shown: str = ""

    def text(self, with_time: bool) -> str:
        """State, epoch, last loss, time left, name."""
        done, loss = self.row.done_epochs, self.row.last_loss
        parts = [f"{self.number} {self.row.sig} {self.state:8} {done}/{self.row.epochs} epochs"]
        if loss is not None:
            parts.append(f"ce {loss:.3f}")
        if with_time and self.state == "runs" and done > self.first:  # by the pace of the epochs that were seen to pass
            pace = (time.monotonic() - self.begun) / (done - self.first)
            parts.append(f"{tqdm.format_interval(pace * (self.row.epochs - done))} left")
        return printable(f"{', '.join(parts)}: {self.row.name}")


class Board:
    """The rows of a sweep on stdout.

    Args:
        rows: in their order.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        self.live = sys.stdout.isatty()
        self.lines = {
            row.sig: _Line(row, f"[{number}/{len(rows)}]", tqdm(
                bar_format="{desc}", file=sys.stdout, disable=not self.live, position=number - 1, leave=True,
            )) for number, row in enumerate(rows, 1)
        }  # fmt: skip

    def begins(self, row: Row, again: bool) -> None:
        """Its process has started, perhaps after one that failed."""
        line = self.lines[row.sig]
        line.begun, line.first = time.monotonic(), row.done_epochs
        self.becomes(row, "again" if again else "runs")
        line.state = "runs"

    def becomes(self, row: Row, state: str) -> None:
        """Show a new state."""
        self.lines[row.sig].state = state
        self._show(self.lines[row.sig])

    def say(self, row: Row, text: str) -> None:
        """Print a line that stays, above the table if there is one."""
        tqdm.write(printable(f"{self.lines[row.sig].number} {text}"), file=sys.stdout)

    def refresh(self) -> None:
        """Show how far all are by now."""
        for line in self.lines.values():
            if line.state == "runs":
                self._show(line)

    def close(self) -> None:
        """Leave the terminal below the table."""
        for line in self.lines.values():
            line.bar.close()

    def _show(self, line: _Line) -> None:
        if self.live:
            line.bar.set_description_str(line.text(True)[: shutil.get_terminal_size().columns - 1])
        elif line.state != "waits" and (news := line.text(False)) != line.shown:  # time alone is no news
            line.shown = news
            print(line.text(True), flush=True)

"""What captions and descriptions of a data set have cost so far, payment by payment, in `ROOT/costs.jsonl`."""

import errno
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import FREE_SOME, NO_ROOM, UserError
from ..runtime.untrusted import appending, parse_json, read_regular, shown

FILE = "costs.jsonl"
_COUNTED = ("calls", "tokens_in", "tokens_out", "dollars")
_LARGEST, _LIMIT = 1 << 28, 1e15  # bytes of the file; what no bill comes to


@dataclass(frozen=True)
class Cost:
    """What a run really took, by what the server counted."""

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    dollars: float | None = 0.0

    def plus(self, other: "Cost") -> "Cost":
        """Both together; dollars are None if those of one are not known."""
        dollars = None if self.dollars is None or other.dollars is None else self.dollars + other.dollars
        return Cost(
            self.calls + other.calls, self.tokens_in + other.tokens_in, self.tokens_out + other.tokens_out, dollars
        )

    def text(self) -> str:
        """For a terminal."""
        money = "" if self.dollars is None else f", ${self.dollars:.4f}"
        return f"{self.calls} calls, {self.tokens_in:,} tokens in, {self.tokens_out:,} out{money}"


class Ledger:
    """Writes down each payment of a run as it is made: a kill loses none.

    Args:
        out: the data set's folder.
        model: that is paid for.
    """

    def __init__(self, out: Path, model: str):
        self.path, self.model = out / FILE, model
        self.run = datetime.now(UTC).isoformat(timespec="seconds")

    def add(self, cost: Cost) -> None:
        """One more payment, as one line, in one write: whole or not at all.

        Raises:
            UserError: if the disk is full, or its file is a link or none that can be written to, such as a pipe.
        """
        line = json.dumps({"run": self.run, "model": self.model, **asdict(cost)}).encode() + b"\n"
        try:
            with appending(self.path) as file:
                end = os.fstat(file).st_size
                line = line if _ends_whole(file, end) else b"\n" + line
                if os.write(file, line) < len(line):
                    os.truncate(file, end)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except ValueError as error:
            raise UserError(f"{self.path}: {error}, expected a file of the data set: remove it") from error
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise UserError(f"{self.path} cannot be written: {error.strerror}: {FREE_SOME}") from error


def _ends_whole(file: int, size: int) -> bool:
    """Whether a file ends with its line: one that a crash has torn is left as it is, and the next begins below."""
    return size == 0 or os.pread(file, 1, size - 1) == b"\n"


def total_cost(out: Path) -> Cost:
    """Of all runs together; dollars are None if the price of one was not known.

    A line that is torn, as by a crash of the machine, is left out with a warning: what was paid is counted no more, but
    the data set is made.
    """
    total = Cost()
    path = out / FILE
    for number, line in enumerate(read_regular(path, _LARGEST).splitlines() if path.is_file() else [], start=1):
        try:
            total = total.plus(_cost_of(parse_json(line)))
        except (ValueError, KeyError, TypeError):
            print(f"warning: {path}: line {number} is torn, its cost is not counted", file=sys.stderr)
    return total


def _cost_of(values: Mapping[str, Any]) -> Cost:
    cost = Cost(*(values[name] for name in _COUNTED))
    for name, value in vars(cost).items():
        if not (name == "dollars" and value is None) and not (type(value) in (int, float) and 0 <= value < _LIMIT):
            raise ValueError(f"{name} is {shown(value)}, expected a number from 0 on")
    return cost

"""What captions and descriptions of a data set have cost so far, payment by payment, in `ROOT/costs.jsonl`."""

import errno
import json
import os
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from ..errors import FREE_SOME, NO_ROOM, UserError

FILE = "costs.jsonl"


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
            UserError: if the disk is full.
        """
        line = json.dumps({"run": self.run, "model": self.model, **asdict(cost)}).encode() + b"\n"
        try:
            with self.path.open("ab", buffering=0) as file:
                end = file.tell()
                if file.write(line) < len(line):
                    file.truncate(end)
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            raise UserError(f"{self.path} cannot be written: {error.strerror}: {FREE_SOME}") from error


def total_cost(out: Path) -> Cost:
    """Of all runs together; dollars are None if the price of one was not known."""
    total = Cost()
    path = out / FILE
    for text in path.read_text().splitlines() if path.is_file() else []:
        values = json.loads(text)
        total = total.plus(Cost(*(values[name] for name in ("calls", "tokens_in", "tokens_out", "dollars"))))
    return total

"""What the words of a data set have cost so far, payment by payment, in `ROOT/costs.jsonl`."""

import errno
import json
import os
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from ..errors import FREE_SOME, NO_ROOM, UserError
from .prices import Cost

FILE = "costs.jsonl"


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
        total = total.and_also(Cost(*(values[name] for name in ("calls", "tokens_in", "tokens_out", "dollars"))))
    return total

"""What describing a data set has cost so far, run by run, in `ROOT/costs.jsonl`."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from .. import atomic
from .prices import Cost

FILE = "costs.jsonl"


def log_cost(out: Path, model: str, cost: Cost) -> None:
    """Add a run that asked for something."""
    if cost.calls:
        line = {"when": datetime.now(UTC).isoformat(timespec="seconds"), "model": model, **asdict(cost)}
        atomic.write_text(out / FILE, _text(out) + json.dumps(line) + "\n")


def total_cost(out: Path) -> Cost:
    """Of all runs together; dollars are None if the price of one was not known."""
    total = Cost()
    for text in _text(out).splitlines():
        values = json.loads(text)
        run = Cost(*(values[name] for name in ("calls", "tokens_in", "tokens_out", "dollars")))
        dollars = None if total.dollars is None or run.dollars is None else total.dollars + run.dollars
        total = Cost(
            total.calls + run.calls, total.tokens_in + run.tokens_in, total.tokens_out + run.tokens_out, dollars
        )
    return total


def _text(out: Path) -> str:
    path = out / FILE
    return path.read_text() if path.is_file() else ""

"""Many inputs of many doors, in processes that may die: counts of what came, and a file for each finding."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .door import FINDING, FINE, ONE_LINE

_AT_ONCE = 250  # inputs of a process: what it leaves behind does not pile up


@dataclass
class Row:
    """What came of a door's inputs.

    Attributes:
        counts: by kind of verdict.
        slowest: seconds of the processor that an input took at most.
        mib: peak of a process' memory, its libraries included.
        findings: keys of the inputs that were neither read nor refused in one line.
    """

    counts: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0
    mib: int = 0
    findings: list[str] = field(default_factory=list)

    def add(self, key: str, result: dict[str, Any]) -> None:
        """Count one result."""
        self.counts[result["kind"]] += 1
        self.slowest, self.mib = max(self.slowest, result["seconds"]), max(self.mib, result["mib"])
        if result["kind"] == FINDING:
            self.findings.append(key)


def run(inputs: dict[str, Sequence[str]], folder: Path, jobs: int = 1) -> dict[str, Row]:
    """Read inputs of doors.

    Args:
        inputs: keys of inputs by door.
        folder: where findings are written to.
        jobs: processes at once.
    """
    rows = {name: Row() for name in inputs}
    parts = [(name, keys[at : at + _AT_ONCE]) for name, keys in inputs.items() for at in range(0, len(keys), _AT_ONCE)]
    with ThreadPoolExecutor(jobs) as pool:
        for (name, _), results in zip(parts, pool.map(lambda part: list(_results(*part)), parts), strict=True):
            for key, result in results:
                rows[name].add(key, result)
                if result["kind"] == FINDING:
                    _write(folder, name, key, result["words"])
    return rows


def _results(name: str, keys: Sequence[str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Results by key; a process that dies is one for the input at which it did, and another goes on after it."""
    left = list(keys)
    while left:
        died, lines = _child(name, left)
        begun = None
        for line in lines:
            begun = line.get("begin", begun)
            if "kind" in line:
                yield line["key"], line
        done = {line["key"] for line in lines if "kind" in line}
        left = [key for key in left if key not in done]
        if left and died is not None:
            if begun is None:
                raise RuntimeError(f"{name}: the door cannot be opened: {died}")
            yield begun, {"kind": FINDING, "words": f"the process died: {died}", "seconds": 0.0, "mib": 0}
            left.remove(begun)


def _child(name: str, keys: Sequence[str]) -> tuple[str | None, list[dict[str, Any]]]:
    """Why a process died that read inputs, None if it did not, and what it wrote down."""
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as file:
        command = [sys.executable, "-m", "fuzz.child", name, file.name, *keys]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONDEVMODE": "0"}
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        lines = [json.loads(line) for line in file]
    if not done.returncode:
        return None, lines
    how = signal.Signals(-done.returncode).name if done.returncode < 0 else f"exit code {done.returncode}"
    return f"{how}: {done.stderr.decode(errors='replace')[-2000:]}", lines


def _write(folder: Path, name: str, key: str, words: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    repeat = f"PYTHONPATH=tests python -m fuzz --door {name!r} --input {key!r}"
    (folder / f"{name} - {key}.txt".replace("/", "_")).write_text(f"{repeat}\n\n{words}\n")


def table(rows: dict[str, Row]) -> str:
    """A line a door, and one of all."""
    width = max(map(len, rows))
    lines = [
        f"{'door':{width}}{'inputs':>8}{'fine':>8}{'one line':>10}{'findings':>10}{'slowest s':>11}{'peak MiB':>10}"
    ]
    total = Row()
    for row in rows.values():
        total.counts.update(row.counts)
        total.slowest, total.mib = max(total.slowest, row.slowest), max(total.mib, row.mib)
    for name, row in {**rows, "all": total}.items():
        counts = f"{row.counts.total():8}{row.counts[FINE]:8}{row.counts[ONE_LINE]:10}{row.counts[FINDING]:10}"
        lines.append(f"{name:{width}}{counts}{row.slowest:11.2f}{row.mib:10}")
    return "\n".join(lines)

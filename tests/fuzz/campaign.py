"""Many inputs of many doors, in processes that may die: counts of what came, and a file for each finding."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .door import FINDING, FINE, ONE_LINE

_AT_ONCE = 400  # inputs of a process: what they leave behind does not pile up
_Inputs = dict[str, list[str]]  # keys by door


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


def run(inputs: Mapping[str, Sequence[str]], folder: Path, jobs: int = 1) -> dict[str, Row]:
    """Read inputs of doors.

    Args:
        inputs: keys of inputs by door.
        folder: where findings are written to.
        jobs: processes at once.
    """
    rows = {name: Row() for name in inputs}
    with ThreadPoolExecutor(jobs) as pool:
        for results in pool.map(lambda part: list(_results(part)), _parts(inputs)):
            for name, result in results:
                rows[name].add(result["key"], result)
                if result["kind"] == FINDING:
                    _write(folder, name, result["key"], result["words"])
    return rows


def _parts(inputs: Mapping[str, Sequence[str]]) -> Iterator[_Inputs]:
    """Inputs of a process each: of several doors, so that few processes have to start."""
    part: _Inputs = {}
    for name, keys in inputs.items():
        for key in keys:
            part.setdefault(name, []).append(key)
            if sum(map(len, part.values())) == _AT_ONCE:
                yield part
                part = {}
    if part:
        yield part


def _results(part: _Inputs) -> Iterator[tuple[str, dict[str, Any]]]:
    """Results by door; a process that dies is one for the input at which it did, and another goes on after it."""
    while part:
        died, lines = _child(part)
        name, begun = "", None
        for line in lines:
            name, begun = line.get("door", name), None if "door" in line else line.get("begin", begun)
            if "kind" in line:
                yield name, line
                part[name].remove(line["key"])
        if died is not None:
            if begun is None or begun not in part[name]:
                raise RuntimeError(f"{name}: the door cannot be opened: {died}")
            yield name, {"key": begun, "kind": FINDING, "words": f"the process died: {died}", "seconds": 0.0, "mib": 0}
            part[name].remove(begun)
        part = {name: keys for name, keys in part.items() if keys}


def _child(part: _Inputs) -> tuple[str | None, list[dict[str, Any]]]:
    """Why a process died that read inputs, None if it did not, and what it wrote down."""
    with tempfile.NamedTemporaryFile("r", suffix=".jsonl") as file:
        command = [sys.executable, "-m", "fuzz.child", file.name]
        places = [str(Path(__file__).parents[1]), *filter(None, [os.environ.get("PYTHONPATH")])]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(places)}
        asked = json.dumps(part).encode()
        done = subprocess.run(command, input=asked, env=environment, capture_output=True, check=False)
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

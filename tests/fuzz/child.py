"""A process that reads inputs of one door, within limits of memory and of work: one that passes them ends it.

What it is about to read, and what came of it, is written down at once, so that whoever started it knows which input it
was that ended it.
"""

import json
import os
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from .door import FINE, Door, input_of, judge
from .registry import find

MOST_MEMORY = 1536 << 20  # bytes that a process may write to, its libraries' included
MOST_WORK = 10  # seconds of the processor for an input
_HANGS = 180  # seconds after which what waits without working is ended


def main() -> None:
    """Read the inputs whose keys stand in the arguments: door, file of results, keys."""
    name, results, *keys = sys.argv[1:]
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, Path(results).open("a") as file:
        os.environ["ORCHESTRATOR_CACHE"] = f"{folder}/cache"
        os.environ |= {"HF_HUB_OFFLINE": "1", "CHAT_API_KEY": "sk-secret"}
        (Path(folder) / "scratch").mkdir()
        os.chdir(folder)
        _read_all(name, find(name), keys, Path(folder) / "scratch", file)


def _read_all(name: str, door: Door, keys: Sequence[str], scratch: Path, file: IO[str]) -> None:
    opened = door.open(scratch)
    for original in opened.originals:
        if (verdict := judge(door, opened, original)).kind != FINE:
            raise AssertionError(f"what nobody has changed is not read: {verdict.words}")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError):  # where a system has no such limit
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, resource.RLIM_INFINITY))
    for key in keys:
        _say(file, begin=key)
        data = input_of(name, door, opened.originals, key)
        _limit_work()
        before = time.process_time()
        verdict = judge(door, opened, data)
        signal.alarm(0)
        seconds = time.process_time() - before
        _say(file, key=key, kind=verdict.kind, words=verdict.words, seconds=seconds, mib=_peak())


def _limit_work() -> None:
    """From here on the process is ended by SIGXCPU after so much work, by SIGALRM if it waits."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + MOST_WORK
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
    signal.alarm(_HANGS)


def _peak() -> int:
    """MiB that this process has taken at most; what the system counts for it holds its parent's on Linux, too."""
    status = Path("/proc/self/status")
    if status.is_file():
        return next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM")) >> 10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 20


def _say(file: IO[str], **values: object) -> None:
    file.write(json.dumps(values) + "\n")
    file.flush()


if __name__ == "__main__":
    main()

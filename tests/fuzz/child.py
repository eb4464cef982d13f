"""A process that reads inputs, within limits of memory and of work: one that passes them ends it.

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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from . import registry
from .door import FINE, Door, input_of, judge

MOST_MEMORY = 1536 << 20  # bytes that a process may write to, its libraries' included
MOST_WORK = 10  # seconds of the processor for an input
_HANGS = 180  # seconds after which what waits without working is ended


def main() -> None:
    """Read inputs whose doors and keys come as JSON by stdin, and write to the file that the argument names."""
    inputs: dict[str, Sequence[str]] = json.load(sys.stdin)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, Path(sys.argv[1]).open("a") as file:
        os.environ |= {"ORCHESTRATOR_CACHE": f"{folder}/cache", "HF_HUB_OFFLINE": "1", "CHAT_API_KEY": "sk-secret"}
        os.chdir(folder)
        for number, (name, keys) in enumerate(inputs.items()):
            scratch = Path(folder) / str(number)
            scratch.mkdir()
            _say(file, door=name)
            _read_all(name, registry.find(name), keys, scratch, file)


def _read_all(name: str, door: Door, keys: Sequence[str], scratch: Path, file: IO[str]) -> None:
    opened = door.open(scratch)
    for original in opened.originals:
        if (verdict := judge(door, opened, original)).kind != FINE:
            raise AssertionError(f"what nobody has changed is not read: {verdict.words}")
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")  # what comes is this door's peak of memory
    _limit_memory()
    for key in keys:
        _say(file, begin=key)
        data = input_of(name, door, opened.originals, key)
        before = time.process_time()
        with _limited_work():
            verdict = judge(door, opened, data)
        seconds = time.process_time() - before
        _say(file, key=key, kind=verdict.kind, words=verdict.words, seconds=seconds, mib=_peak())


def _limit_memory() -> None:
    """From here on what asks for more gets none, and what dies leaves no copy of its memory."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(ValueError):  # where a system has no such limit
        resource.setrlimit(resource.RLIMIT_DATA, (MOST_MEMORY, resource.RLIM_INFINITY))


@contextmanager
def _limited_work() -> Iterator[None]:
    """In here the process is ended by SIGXCPU after so much work, by SIGALRM if it waits."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    soft = int(used.ru_utime + used.ru_stime) + 1 + MOST_WORK
    resource.setrlimit(resource.RLIMIT_CPU, (soft, resource.RLIM_INFINITY))
    signal.alarm(_HANGS)
    yield
    signal.alarm(0)
    resource.setrlimit(resource.RLIMIT_CPU, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


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

"""Kills programs at random times, and compares what is left with what was to be made."""

import gzip
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from dataset_builder.runtime import locks


def words(source, out):
    return ["build", "--source", "slakh", "--root", str(source), "--out", str(out), "--captions", "none",
            "--workers", "2", "--materialise"]  # fmt: skip


def run(*arguments, **options):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False, **options)


def tree(out: Path) -> dict[str, bytes]:
    """Every file's bytes, but of the records of sources, which hold times, and without the folder's own name."""
    found = {}
    for path in sorted(out.rglob("*")):
        name = str(path.relative_to(out))
        if name.startswith("files/") and name.endswith(".gz"):
            found[name] = gzip.decompress(path.read_bytes()).replace(str(out).encode(), b"OUT")
        elif path.is_file() and path.parent.name != ".sources":
            found[name] = path.read_bytes()
    return found


class Killed:
    """Kills a program, at random times, while it holds its data set; what it leaves, the next run goes on with.

    Args:
        command: of `python -m dataset_builder`, without the data set's folder, which is its last word.
        out: the data set's folder.
        begin: makes what the program begins with, in that folder.
    """

    def __init__(self, command: list[str], out: Path, begin=lambda out: None):
        self.command, self.out, self.begin = command, out, begin
        begin(out)
        start = time.monotonic()
        assert self.run_until(None) == 0
        self.wanted, self.seconds = tree(out), time.monotonic() - start

    def run_until(self, delay: float | None) -> int:
        """Start the program, kill it so many seconds after it has taken the lock; returns how it ended."""
        words = [sys.executable, "-m", "dataset_builder", *self.command, str(self.out)]
        started = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if delay is None:
            return started.wait()
        until(lambda: started.poll() is not None or is_held(self.out))
        try:
            return started.wait(delay)
        except subprocess.TimeoutExpired:
            started.kill()
            return started.wait()

    def times(self, hits: int, seed: int) -> None:
        """Kill it so often; whenever it came to its end instead, the bytes are compared, and it begins anew."""
        rng, hit, ends = np.random.default_rng(seed), 0, 0
        shutil.rmtree(self.out)
        self.begin(self.out)
        for _ in range(5 * hits):
            code = self.run_until(
                float(rng.uniform(0, self.seconds / 2))
            )  # half of it is over before the lock is taken
            assert code in (0, -signal.SIGKILL)
            hit += code != 0
            if code == 0 or hit == hits:
                assert code == 0 or self.run_until(None) == 0
                assert tree(self.out) == self.wanted
                ends += 1
                shutil.rmtree(self.out)
                self.begin(self.out)
            if hit == hits:
                break
        assert (hit, ends > 0) == (hits, True)


def is_held(out: Path) -> bool:
    """Whether a process works on a data set."""
    try:
        with (out / locks.LOCK).open() as file:
            locks.fcntl.flock(file, locks.fcntl.LOCK_SH | locks.fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def until(condition):
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)

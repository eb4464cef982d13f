"""One process at a time on a data set, or one for each shard: locks that end with their process, even a killed one."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ..errors import UserError

LOCK = ".lock"
# A run that was killed lets go of its lock when the last of its workers has noticed, within a second or so.
PATIENCE = 3.0  # seconds
_POLL = 0.05


@contextmanager
def alone(root: Path) -> Iterator[None]:
    """Hold a data set's folder, which is made if there is none: nobody else writes to it meanwhile.

    Raises:
        UserError: if another process holds it or one of its shards, or it cannot be written.
    """
    with _held(root, LOCK, fcntl.LOCK_EX, "another process is working on it"):
        yield


@contextmanager
def sharing(root: Path, shard: str) -> Iterator[None]:
    """Hold one shard of a data set: other shards are worked on meanwhile, but not the whole.

    Raises:
        UserError: if another process holds the whole or this shard, or the folder cannot be written.
    """
    with ExitStack() as stack:
        stack.enter_context(_held(root, LOCK, fcntl.LOCK_SH, "another process is working on the whole of it"))
        stack.enter_context(_held(root, _shard_lock(shard), fcntl.LOCK_EX, f"another process is working on {shard}"))
        yield


def _shard_lock(shard: str) -> str:
    """Name of a shard's lock file."""
    return f"{LOCK}-{shard}"


@contextmanager
def _held(root: Path, name: str, how: int, taken: str) -> Iterator[None]:
    try:
        root.mkdir(parents=True, exist_ok=True)
        handle = os.open(root / name, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
    except OSError as error:
        raise UserError(f"{root} cannot be written ({error.strerror}): choose another --out") from error
    try:
        if not _taken(handle, how):
            raise UserError(f"{root}: {taken}: wait for it to end, or choose another --out")
        yield
    finally:
        os.close(handle)


def _taken(handle: int, how: int) -> bool:
    """Take a lock, as soon as it is free and for a few seconds at most; says whether it was had."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.flock(handle, how | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if time.monotonic() > deadline:
                return False
            time.sleep(_POLL)
        except OSError as error:
            raise UserError(f"its file system has no locks ({error.strerror}): choose an --out on another") from error


def shards(root: Path) -> list[str]:
    """Names of the shards that were begun."""
    return sorted(path.name.removeprefix(f"{LOCK}-") for path in root.glob(f"{LOCK}-*"))


def forget_shards(root: Path) -> None:
    """Remove the shards' lock files, while the whole is held."""
    for name in shards(root):
        (root / _shard_lock(name)).unlink(missing_ok=True)

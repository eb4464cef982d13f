"""One process trains a run: its folder is locked meanwhile, and the lock names who holds it."""

import errno
import fcntl
import logging
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import flashy
import torch
from torch import distributed

from dataset_builder.errors import UserError

logger = logging.getLogger(__name__)

LOCK = ".training.lock"
PATIENCE = 5.0  # seconds for one that was just asked to stop
_POLL = 0.1
_TAKEN = (errno.EACCES, errno.EAGAIN)


@contextmanager
def training(folder: Path) -> Iterator[None]:
    """Hold a run's folder; of the processes of one run, the first does it for all.

    Raises:
        UserError: if somebody trains this run; in the first process it says who.
    """
    handle, refused = None, None
    if flashy.distrib.is_rank_zero():
        try:
            handle = _take(folder)
        except UserError as error:
            refused = error
    failed = torch.tensor(float(refused is not None))
    flashy.distrib.all_reduce(failed, distributed.ReduceOp.MAX)
    if failed:
        raise refused or UserError(f"{folder} is held, see the run's first process")
    try:
        yield
    finally:
        if handle is not None:
            os.close(handle)


def _take(folder: Path) -> int:
    """The lock's handle. The lock is this process' alone: it ends with it, even by a kill, and no child keeps it."""
    folder.mkdir(parents=True, exist_ok=True)
    handle = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        if not _locked(handle):
            holder = os.pread(handle, 200, 0).decode(errors="replace").strip() or "another process"
            raise UserError(f"{folder} is being trained by {holder!r}: wait for it to end, or end it")
        os.ftruncate(handle, 0)
        now = datetime.now().astimezone().isoformat(timespec="seconds")
        os.pwrite(handle, f"process {os.getpid()} on {socket.gethostname()} since {now}".encode(), 0)
    except BaseException:
        os.close(handle)
        raise
    return handle


def _locked(handle: int) -> bool:
    """Whether the lock was had; True with a warning where the file system has none, as some of clusters."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except OSError as error:
            if error.errno not in _TAKEN:
                logger.warning("Nothing keeps a second process from training this run: %s", error.strerror)
                return True
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)

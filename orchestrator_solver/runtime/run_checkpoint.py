"""A run's own checkpoints: whole or not at all, and the last good one kept."""

import os
import shutil
import socket
from pathlib import Path
from typing import Any

import torch

from dataset_builder.errors import FREE_SOME, NO_ROOM, UserError
from dataset_builder.runtime import atomic

from ..weights.safe_load import is_whole


def save(state: dict[str, Any], path: Path) -> None:
    """Replace a checkpoint; one process does, by a temporary file that is its own alone.

    Raises:
        UserError: if the disk is full; the old checkpoint is still there.
    """
    temporary = _temporary(path)
    if failure := _write(state, temporary):
        temporary.unlink(missing_ok=True)
        raise UserError(
            f"checkpoint {path} cannot be written: {failure.strerror}; the one before it is whole: {FREE_SOME}"
        ) from failure
    temporary.replace(path)


def _temporary(path: Path) -> Path:
    """A name that no other process uses; what processes of this machine left that are dead is removed."""
    begin = f".{path.name}.{socket.gethostname()}."
    for other in path.parent.glob(".*.tmp"):
        number = other.name.removeprefix(begin).removesuffix(".tmp")
        if other.name.startswith(begin) and number.isdigit() and not _alive(int(number)):
            other.unlink(missing_ok=True)
    return path.with_name(f"{begin}{os.getpid()}.tmp")


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True  # somebody else's
    return True


def _write(state: dict[str, Any], path: Path) -> OSError | None:
    """Write to the disk itself, so that no power failure leaves a renamed but empty file; returns a lack of room."""
    try:
        with path.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        return error
    return None


def go_back_to_whole(last: Path) -> Path | None:
    """Put the newest epoch's checkpoint that is whole in the place of a last one that is torn.

    An epoch's checkpoint that lacks states (`checkpoint.keep_every_states`) is passed over: with it alone, a run would
    begin anew.

    Args:
        last: the run's last checkpoint.

    Returns:
        The epoch's checkpoint; None if the last one is whole, or there is none.

    Raises:
        UserError: if no epoch's is whole, or each lacks states.
    """
    if last.is_symlink() or not last.is_file() or is_whole(last):
        return None
    epochs = [path for path in last.parent.glob("checkpoint_*.th") if path.stem.partition("_")[2].isdigit()]
    for epoch in sorted(epochs, key=lambda path: int(path.stem.partition("_")[2]), reverse=True):
        if not epoch.is_symlink() and is_whole(epoch) and _has_all_states(epoch):  # a link may lead to a stranger's
            with atomic.replacing(last) as temporary:
                shutil.copyfile(epoch, temporary)
            return epoch
    raise UserError(
        f"checkpoint {last} is torn, and of no epoch is one whole with all states (checkpoint.save_every=1 "
        "checkpoint.keep_every_states=null keeps such): train anew (--clear)"
    )


def _has_all_states(path: Path) -> bool:
    """Whether a run can go on from a whole checkpoint of its own."""
    state = torch.load(path, "cpu", weights_only=False, mmap=True)
    return {"history", "model", "optimizer"} <= state.keys()

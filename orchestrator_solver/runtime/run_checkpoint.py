"""A run's own checkpoints: whole or not at all, from one process or a part from each, and the last good one kept."""

import os
import shutil
import socket
from pathlib import Path
from typing import Any

import flashy
import torch
from torch import distributed

from dataset_builder.errors import FREE_SOME, NO_ROOM, UserError
from dataset_builder.runtime import atomic

from ..weights.safe_load import is_whole


def save(state: dict[str, Any], path: Path, sharded: bool) -> None:
    """Replace a checkpoint.

    Sharded, every process writes its own part beside the old one; only when all are on disk are they renamed, and a
    file that says so lets audiocraft finish the renaming if that is interrupted (`check_sharded_checkpoint`), which
    knows the parts by their names. Otherwise the temporary file is this process' alone.

    Args:
        state: of this process.
        path: this process's file.
        sharded: whether every process has a part; otherwise only one calls this.

    Raises:
        UserError: if the disk is full here or, sharded, at any process; the old checkpoint is still there.
    """
    temporary = path.with_name(path.name + ".tmp") if sharded else _temporary(path)
    done = path.with_name(path.name + ".tmp.done")  # only rank 0's is looked at
    done.unlink(missing_ok=True)
    _wait_for_all(sharded)
    failure = _write(state, temporary)
    failures = torch.tensor(float(failure is not None))
    if sharded:
        flashy.distrib.all_reduce(failures, distributed.ReduceOp.MAX)
    if failures:
        temporary.unlink(missing_ok=True)
        reason = f"cannot be written: {failure.strerror}" if failure else "was not written by another process"
        raise UserError(f"checkpoint {path} {reason}; the one before it is whole: {FREE_SOME}") from failure
    if sharded and flashy.distrib.is_rank_zero():
        done.touch()
    _wait_for_all(sharded)
    temporary.replace(path)
    _wait_for_all(sharded)
    if sharded and flashy.distrib.is_rank_zero():
        done.unlink()


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

    Of a sharded checkpoint all processes' parts are looked at, and put back together; one process does it for all.
    An epoch's checkpoint that lacks states (`checkpoint.keep_every_states`) is passed over: with it alone, a run would
    begin anew.

    Args:
        last: the run's last checkpoint, the first process' part.

    Returns:
        The epoch's checkpoint; None if the last one is whole, or there is none.

    Raises:
        UserError: if no epoch's is whole, or each lacks states.
    """
    parts = {part: is_whole(part) for part in _parts(last)}
    if all(parts.values()):
        return None
    epochs = [path for path in last.parent.glob("checkpoint_*.th") if path.stem.partition("_")[2].isdigit()]
    for epoch in sorted(epochs, key=lambda path: int(path.stem.partition("_")[2]), reverse=True):
        whole = _parts(epoch)
        if len(whole) == len(parts) and all(is_whole(part) and _has_all_states(part) for part in whole):
            _forget_interrupted(last)
            pairs = zip(parts, whole, strict=True)
            for part, other in sorted(pairs, key=lambda pair: not parts[pair[0]]):  # torn till the end, if it is killed
                with atomic.replacing(part) as temporary:
                    shutil.copyfile(other, temporary)
            return epoch
    raise UserError(
        f"checkpoint {last} is torn, and of no epoch is one whole with all states (checkpoint.save_every=1 "
        "checkpoint.keep_every_states=null keeps such): train anew (--clear)"
    )


def _has_all_states(path: Path) -> bool:
    """Whether a run can go on from a whole checkpoint of its own."""
    state = torch.load(path, "cpu", weights_only=False, mmap=True)
    return {"history", "model", "optimizer"} <= state.keys()


def _forget_interrupted(last: Path) -> None:
    """Remove what a save was cut short of, or the next loading would finish it over what is put back."""
    last.with_name(f"{last.name}.tmp.done").unlink(missing_ok=True)  # first: without it nothing is finished
    for left in last.parent.glob(f"{last.name}*.tmp"):
        left.unlink(missing_ok=True)


def _parts(path: Path) -> list[Path]:
    """The files of a checkpoint, in the order of their processes; a link is none, since it may lead to a stranger's."""
    others = [part for part in path.parent.glob(f"{path.name}.*") if part.suffix[1:].isdigit()]
    parts = [path, *sorted(others, key=lambda part: int(part.suffix[1:]))]
    return [part for part in parts if part.is_file() and not part.is_symlink()]


def _wait_for_all(sharded: bool) -> None:
    if sharded:
        flashy.distrib.barrier()

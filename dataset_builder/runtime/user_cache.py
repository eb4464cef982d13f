"""Where answers and captions are kept for all data sets of a user."""

import os
from pathlib import Path

import platformdirs

from ..errors import NO_ROOM, UserError

VARIABLE = "ORCHESTRATOR_CACHE"


def cache_folder(name: str) -> Path:
    """A folder of this name in the user's cache folder, or in the one that `ORCHESTRATOR_CACHE` names."""
    return Path(os.environ.get(VARIABLE) or platformdirs.user_cache_path("music-orchestrator")) / name


def can_keep(folder: Path) -> bool:
    """Whether files can be written into a folder, which is made if it is not there.

    Raises:
        OSError: if the disk is full.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        return False
    return os.access(folder, os.W_OK)


def require_keeping(folder: Path) -> None:
    """Stop before anything is paid for that could not be kept.

    Raises:
        UserError: if files cannot be written into the folder.
    """
    if not can_keep(folder):
        raise UserError(
            f"{folder}, where answers that are paid for are kept, cannot be written: name another by {VARIABLE}"
        )

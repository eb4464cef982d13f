"""Where answers, captions and compiled functions are kept for all data sets of a user."""

import atexit
import os
import shutil
import sysconfig
import tempfile
from pathlib import Path

import platformdirs

from ..errors import UserError

VARIABLE, NUMBA_VARIABLE = "ORCHESTRATOR_CACHE", "NUMBA_CACHE_DIR"


def cache_folder(name: str) -> Path:
    """A folder of this name in the user's cache folder, or in the one that `ORCHESTRATOR_CACHE` names."""
    return Path(os.environ.get(VARIABLE) or platformdirs.user_cache_path("music-orchestrator")) / name


def can_keep(folder: Path) -> bool:
    """Whether files can be written into a folder, or it can be made where it is not there."""
    nearest = next(path for path in (folder, *folder.parents) if os.path.exists(path))  # noqa: PTH110 - Path.exists raises in a home that this user may not enter
    return os.path.isdir(nearest) and os.access(nearest, os.W_OK)  # noqa: PTH112


def require_keeping(folder: Path) -> None:
    """Stop before anything is paid for that could not be kept.

    Raises:
        UserError: if files cannot be written into the folder.
    """
    if not can_keep(folder):
        raise UserError(
            f"{folder}, where answers that are paid for are kept, cannot be written: name another by {VARIABLE}"
        )


def make_room_for_numba() -> None:
    """Give numba a folder that goes with this process, where neither its packages' nor the user's can be written.

    With nowhere to keep what it compiles, librosa's import ends in an error. To be called before numba is imported.
    """
    packages, users = sysconfig.get_path("purelib"), platformdirs.user_cache_path("numba")
    if NUMBA_VARIABLE in os.environ or os.access(packages, os.W_OK) or can_keep(users):
        return
    folder = tempfile.mkdtemp(prefix="numba-")
    os.environ[NUMBA_VARIABLE] = folder
    atexit.register(shutil.rmtree, folder, ignore_errors=True)

"""Mistakes that a user can mend: one line that says what was found, what was expected and what to do."""

import errno

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})  # of an OSError: the disk, or the user's share of it, is full
NOT_OURS = frozenset({errno.EACCES, errno.EPERM, errno.EROFS})  # of an OSError: this user may not write there
FREE_SOME = "free some and run it again, what is finished is kept"


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that memory ran out: Python's, torch's of a GPU, or torch's plain RuntimeError of a CPU.

    torch's are told by name and words, so that programs which never import torch need not.
    """
    said = str(error)
    torchs = isinstance(error, RuntimeError) and ("out of memory" in said or "can't allocate memory" in said)
    systems = isinstance(error, MemoryError) or (isinstance(error, OSError) and error.errno == errno.ENOMEM)
    return systems or torchs or type(error).__name__ == "OutOfMemoryError"


class UserError(Exception):
    """Printed as `error: ...`; the command ends with exit code 2."""

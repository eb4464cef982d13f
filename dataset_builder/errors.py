"""Mistakes that a user can mend: one line that says what was found, what was expected and what to do."""

import errno

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})  # of an OSError: the disk, or the user's share of it, is full
FREE_SOME = "free some and run it again, what is finished is kept"


class UserError(Exception):
    """Printed as `error: ...`; the command ends with exit code 2."""

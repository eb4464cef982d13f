"""Mistakes that a user can mend: one line that says what was found, what was expected and what to do."""


class UserError(Exception):
    """Printed as `error: ...`; the command ends with exit code 2."""

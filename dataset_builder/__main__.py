"""`python -m dataset_builder`: from tracks to a described, paired data set."""

import sys
from collections.abc import Sequence

from .cli import run_program
from .commands import COMMANDS
from .runtime.user_cache import make_room_for_numba


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code, see `run_program`."""
    make_room_for_numba()
    return run_program("python -m dataset_builder", __doc__, COMMANDS, "dataset_builder.commands", argv)


if __name__ == "__main__":
    sys.exit(main())

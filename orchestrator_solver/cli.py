"""`orchestrator`: the program that musicians and researchers call."""

import sys
from collections.abc import Sequence

from dataset_builder.cli import run_program

from .commands import COMMANDS

DESCRIPTION = "Play a piece on the instruments you name, and keep its melody."


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code, see `run_program`."""
    return run_program("orchestrator", DESCRIPTION, COMMANDS, "orchestrator_solver.commands", argv)


if __name__ == "__main__":
    sys.exit(main())

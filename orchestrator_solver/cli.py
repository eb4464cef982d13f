"""`orchestrator`: the program that musicians and researchers call."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from dataset_builder.errors import UserError

from .commands import COMMANDS

USER_ERROR, STOPPED = 2, 130


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    """The program's parser; of the commands only `chosen` is imported, the others are named."""
    parser = argparse.ArgumentParser(
        prog="orchestrator", description="Play a piece on the instruments you name, and keep its melody."
    )
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, command in COMMANDS.items():
        if name == chosen:
            import_module(command.module).add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=command.help)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 2 for a mistake that the user can mend, 130 when interrupted."""
    words = list(sys.argv[1:] if argv is None else argv)
    chosen = words[0] if words and words[0] in COMMANDS else None
    args = _parser(chosen).parse_args(words)
    try:
        return import_module(COMMANDS[args.command].module).run(args)
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return STOPPED


if __name__ == "__main__":
    sys.exit(main())

"""`python -m dataset_builder`: from tracks to a described, paired data set."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from .commands import COMMANDS
from .errors import FREE_SOME, NO_ROOM, UserError

USER_ERROR, STOPPED = 2, 130


def _parser(chosen: str | None) -> argparse.ArgumentParser:
    """The program's parser; of the commands only `chosen` is imported, the others are named."""
    parser = argparse.ArgumentParser(prog="python -m dataset_builder", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, help_line in COMMANDS.items():
        if name == chosen:
            import_module(f".commands.{name}", __package__).add_parser(subparsers)
        else:
            subparsers.add_parser(name, help=help_line)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 2 for what the user can mend (mistakes, a full disk), 130 when stopped."""
    words = list(sys.argv[1:] if argv is None else argv)
    chosen = words[0] if words and words[0] in COMMANDS else None
    try:
        args = _parser(chosen).parse_args(words)
        return int(import_module(f".commands.{args.command}", __package__).run(args))
    except UserError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        return USER_ERROR
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        print(f"error: {error.filename or 'a file'} cannot be written: {error.strerror}: {FREE_SOME}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("stopped; run it again to go on", file=sys.stderr)
        return STOPPED


if __name__ == "__main__":
    sys.exit(main())

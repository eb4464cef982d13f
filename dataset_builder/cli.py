"""A program of several commands: a module each, of which only the one that is called is imported.

A module offers `add_parser(subparsers)` and `run(args) -> exit code`.
"""

import argparse
import io
import platform
import sys
from collections.abc import Container, Mapping, Sequence
from importlib import import_module, metadata
from typing import Any

from .errors import FREE_SOME, NO_ROOM, UserError

USER_ERROR, STOPPED = 2, 130
EXIT_CODES = """exit codes:
  0     done
  1, 3  the command found or left something that is not in order, as its own --help says; 1 with a traceback is a fault
        of this program
  2     a mistake that you can mend, such as an option, a file, a key or a full disk: one line says which and how
  130   stopped; the same command goes on
"""


class _Version(argparse.Action):
    """Prints the versions of what decides results; looked up only when asked for, and torch is not imported."""

    def __call__(self, parser: argparse.ArgumentParser, *args: Any) -> None:
        torch = _version("torch")
        print(f"music-orchestrator {_version('music-orchestrator')}, Python {platform.python_version()}, torch {torch}")
        parser.exit()


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "(not installed)"


def parser_for(
    name: str, description: str | None, commands: Mapping[str, str], package: str, chosen: Container[str]
) -> argparse.ArgumentParser:
    """A program's parser: of the commands only the chosen are imported, the others are named."""
    parser = argparse.ArgumentParser(
        prog=name, description=description, epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", nargs=0, action=_Version, help="print the versions of this program and of torch")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command, help_line in commands.items():
        if command in chosen:
            import_module(f"{package}.{command}").add_parser(subparsers)
        else:
            subparsers.add_parser(command, help=help_line)
    return parser


def printable(text: str) -> str:
    """Text without what a terminal would obey: names and captions are a stranger's."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def run_program(
    name: str, description: str | None, commands: Mapping[str, str], package: str, argv: Sequence[str] | None
) -> int:
    """Run a command; returns the exit code: 2 for what the user can mend (mistakes, a full disk), 130 when stopped.

    Args:
        name: of the program, for its help.
        description: of the program, for its help.
        commands: the commands' names, and a line of help each.
        package: the commands' modules are in it, under their names.
        argv: the words after the program's name; None takes those that it was called with.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name need not be one that the terminal can show
            stream.reconfigure(errors="backslashreplace")
    try:
        args = parser_for(name, description, commands, package, words[:1]).parse_args(words)
        return int(import_module(f"{package}.{args.command}").run(args))
    except UserError as error:
        print(f"error: {printable(' '.join(str(error).split()))}", file=sys.stderr)
        return USER_ERROR
    except OSError as error:
        if error.errno not in NO_ROOM:
            raise
        print(f"error: {error.filename or 'a file'} cannot be written: {error.strerror}: {FREE_SOME}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("stopped; run it again to go on", file=sys.stderr)
        return STOPPED

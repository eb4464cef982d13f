"""A program of several commands: a module each, of which only the one that is called is imported.

A module is named like its command, and offers `add_parser(subparsers)` and `run(args) -> exit code`.
"""

import argparse
import errno
import gc
import io
import os
import platform
import select
import sys
from collections.abc import Container, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module, metadata
from pkgutil import walk_packages
from types import ModuleType
from typing import Any, NoReturn

from .errors import FREE_SOME, NO_ROOM, NOT_OURS, UserError, is_out_of_memory

USER_ERROR, STOPPED, UNREAD = 2, 130, 141
CURES = {  # of an OSError, by its number
    **dict.fromkeys(NO_ROOM, FREE_SOME),
    **dict.fromkeys(NOT_OURS, "this user may not: change the rights, or name another place"),
    errno.EISDIR: "expected a file there: remove the folder",
    errno.ENOTDIR: "expected a folder on the way: remove the file",
}
OBJECTS = 100_000  # made before circles are looked for; Python's 700 is a sixth of what the imports of a command take
ANEW = "remove .venv and run make setup again"
USE_LESS = "use fewer workers, shorter audio or a machine with more; what is finished is kept"
EXIT_CODES = """exit codes:
  0     done
  1, 3  the command found or left something that is not in order, as its own --help says; 1 with a traceback is a fault
        of this program
  2     a mistake that you can mend, such as an option, a file, a key or a full disk: one line says which and how
  130   stopped; the same command goes on
  141   whoever read the output had enough of it, as `| head` has
"""


class OneLineParser(argparse.ArgumentParser):
    """A parser, and those of its subcommands, whose mistakes are one line: what was found and expected, where to read.

    argparse prints all options before, and names what is no option by the program, not by the command.
    """

    def parse_known_args(self, args: Sequence[str] | None = None, namespace: Any = None) -> tuple[Any, list[str]]:  # type: ignore[override]
        """What argparse finds; ends the program if something is left, since whoever asks would leave it, too."""
        found, left = super().parse_known_args(args, namespace)
        if left:
            known = [option for action in self._actions for option in action.option_strings]
            near = get_close_matches(left[0].partition("=")[0], known, 1)
            self.error(f"unknown {' '.join(left)}" + (f", did you mean {near[0]}?" if near else ""))
        return found, left

    def error(self, message: str) -> NoReturn:
        """End the program with code 2 and a line."""
        self.exit(USER_ERROR, f"{self.prog}: error: {_line(message)} (see {self.prog} --help)\n")


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
    parser = OneLineParser(
        prog=name, description=description, epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", nargs=0, action=_Version, help="print the versions of this program and of torch")
    subparsers = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for command, help_line in commands.items():
        if command in chosen:
            _module(package, command).add_parser(subparsers)
        else:
            subparsers.add_parser(command, help=help_line)
    return parser


def _module(package: str, command: str) -> ModuleType:
    """A command's module, which is in the package or in a room of it."""
    modules = (found.name for found in walk_packages(import_module(package).__path__, f"{package}."))
    return import_module(next(name for name in modules if name.rpartition(".")[2] == command))


def _line(text: str) -> str:
    return printable(" ".join(text.split()))


def printable(text: str) -> str:
    """Text without what a terminal would obey: names and captions are a stranger's."""
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def line_of(error: Exception, package: str) -> str | None:
    """What a user is told of an error that the user can mend; None for any other.

    Args:
        error: what ended a command.
        package: of the command; what cannot be imported of it, or of this package, is our own mistake.
    """
    if isinstance(error, UserError):
        return str(error)
    if is_out_of_memory(error):
        said = str(error).partition("\n")[0][:200] or type(error).__name__
        return f"memory ran out ({said}): {USE_LESS}"
    ours = {name.partition(".")[0] for name in (package, __package__, "grids.")}
    library = isinstance(error, OSError) and error.errno is None and ".so" in str(error)  # as torch loads CUDA's
    if library or (isinstance(error, ImportError) and (error.name or "").partition(".")[0] not in ours):
        return f"the environment is not whole, or mixes builds of torch ({error}): {ANEW}"
    if isinstance(error, OSError) and error.errno in CURES:
        what = f"{error.filename or 'a file'} cannot be {'written' if error.errno in NO_ROOM else 'opened'}"
        return f"{what}: {error.strerror}: {CURES[error.errno]}"
    return None


def run_program(
    name: str, description: str | None, commands: Mapping[str, str], package: str, argv: Sequence[str] | None
) -> int:
    """Run a command; returns the exit code: 2 for what the user can mend (mistakes, a full disk), 130 when stopped.

    What the user can mend is one line on stderr; see `line_of`.

    Args:
        name: of the program, for its help.
        description: of the program, for its help.
        commands: the commands' names, and a line of help each.
        package: the commands' modules are in it or in rooms of it, under their names.
        argv: the words after the program's name; None takes those that it was called with.
    """
    gc.set_threshold(OBJECTS)
    words = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a file's name need not be one that the terminal can show
            stream.reconfigure(errors="backslashreplace")
    try:
        chosen = [word for word in words if word in commands][:1]
        args = parser_for(name, description, commands, package, chosen).parse_args(words)
        code = int(_module(package, args.command).run(args))
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        if not _unread():
            raise
        return UNREAD
    except (UserError, OSError, MemoryError, RuntimeError, ImportError) as error:
        line = line_of(error, package)
        if line is None:
            raise
        print(f"error: {_line(line)}", file=sys.stderr)
        return USER_ERROR
    except KeyboardInterrupt:
        print("stopped; run it again to go on", file=sys.stderr)
        return STOPPED


def _unread() -> bool:
    """Whether whoever reads what is printed has enough, as `| head` has; if so, the rest goes nowhere."""
    pipe = select.poll()
    pipe.register(sys.stdout, 0)
    if not any(event & select.POLLERR for _, event in pipe.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True

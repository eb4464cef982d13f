"""What a benchmark is: a subcommand with options of its own, and a report of what it measured."""

import argparse
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..errors import UserError
from ..runtime import atomic


class Report(ABC):
    """What was measured; a data class with a text of its own."""

    @abstractmethod
    def text(self) -> str:
        """The report for a terminal."""

    def to_json(self) -> dict[str, Any]:
        """All of it, as plain values for JSON."""
        return asdict(self)  # type: ignore[call-overload]


@dataclass(frozen=True)
class Measurement:
    """A subcommand of `bench`.

    Attributes:
        help: a line: what is measured, against what.
        add_options: puts its options into its parser.
        measure: from the options to the report; imports what is heavy.
    """

    help: str
    add_options: Callable[[argparse.ArgumentParser], None]
    measure: Callable[[argparse.Namespace], Report]


def add_measurements(parser: argparse.ArgumentParser, measurements: Mapping[str, Measurement]) -> None:
    """Give a parser a subcommand for each measurement."""
    subparsers = parser.add_subparsers(dest="measurement", metavar="MEASUREMENT", required=True)
    for name, measurement in measurements.items():
        sub = subparsers.add_parser(name, help=measurement.help, description=f"{measurement.help}.")
        measurement.add_options(sub)
        sub.add_argument("--out", type=Path, metavar="FILE", help="also write the figures as JSON")


def run_measurement(args: argparse.Namespace, measurements: Mapping[str, Measurement]) -> int:
    """Measure, print and write the report; returns the exit code."""
    report = measurements[args.measurement].measure(args)
    print(report.text())
    if args.out:
        atomic.write_json(args.out, report.to_json())
    return 0


def add_source_options(parser: argparse.ArgumentParser) -> None:
    """Options of what reads a folder in Slakh's layout, see `inputs.slakh_root`; and how often each side does."""
    parser.add_argument("--root", type=Path, help="a folder in Slakh's layout (default: rendered)")
    parser.add_argument("--tracks", type=at_least_one, default=30, help="how many (default: 30)")
    parser.add_argument("--stems", type=at_least_one, default=8, help="least stems of a track (default: 8)")
    add_repeats(parser)


def add_repeats(parser: argparse.ArgumentParser) -> None:
    """The option of how often each side does what is measured."""
    parser.add_argument("--repeats", type=at_least_one, default=3, help="turns of each side (default: 3)")


def at_least_one(text: str) -> int:
    """An option's type: how many, one or more.

    Raises:
        UserError: for anything else.
    """
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise UserError(f"{text} is not how many: expected a whole number of at least 1")
    return number

"""`python -m dataset_builder check`: prove a finished data set whole: every path, duration and field."""

import argparse
from pathlib import Path

from ..errors import UserError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("check", help="prove a data set whole", description=__doc__)
    parser.add_argument("root", type=Path, help="the data set's folder")


def run(args: argparse.Namespace) -> int:
    """Print every fault; returns the exit code."""
    from ..check import check

    faults = check(args.root)
    for fault in faults:
        print(fault)
    if faults:
        raise UserError(f"{args.root} has {len(faults)} faults: mend the source and build again into another folder")
    print(f"{args.root} is whole")
    return 0

"""`python -m dataset_builder check`: prove a finished data set whole: every path, duration, field and hash.

Tracks whose sources have changed since they were built are named, too; if nothing else is wrong, the exit code is 3.
Nothing is changed, unless --repair is given: then what is torn, missing or out of date is made again.
"""

import argparse
import sys
from pathlib import Path

from ..cli import printable
from ..errors import UserError

OUT_OF_DATE = 3  # exit code
_CURE = {
    False: "check --repair makes again what is torn, missing or out of date",
    True: "mend the source and repair again",
}


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("check", help="prove a data set whole", description=__doc__)
    parser.add_argument("root", type=Path, help="the data set's folder")
    parser.add_argument("--repair", action="store_true", help="make again what is torn, missing or out of date")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")


def run(args: argparse.Namespace) -> int:
    """Print every fault; returns the exit code."""
    from ..dataset.integrity import check
    from ..pipeline.outdated import outdated_of
    from ..pipeline.repair import repair

    if args.repair:
        repair(args.root, args.workers)
    faults = check(args.root, args.workers)
    for fault in faults:
        print(printable(fault))
    outdated = outdated_of(args.root, args.workers)
    for line in outdated.lines() if outdated else ():
        print(printable(line))
    if faults:
        raise UserError(f"{args.root} has {len(faults)} faults: {_CURE[args.repair]}")
    if outdated:
        why = f"out of date ({outdated.counts()}): build it again, or check --repair"
        print(f"error: {args.root} is whole, but {why}", file=sys.stderr)
        return OUT_OF_DATE
    print(f"{args.root} is whole")
    return 0

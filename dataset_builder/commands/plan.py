"""`python -m dataset_builder plan`: how many items there will be, from metadata alone, beside the paper's counts.

Without --root it counts Slakh2100 as published, and nothing needs to be downloaded.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from ..errors import UserError
from ..grouping import GROUPINGS
from ..sources.slakh_index import VERSIONS


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("plan", help="count the items before building", description=__doc__)
    parser.add_argument("--root", type=Path, help="a folder in Slakh's layout (default: the published data set)")
    parser.add_argument("--version", choices=VERSIONS, default="redux", help="published version (default: redux)")
    parser.add_argument("--submixes", type=int, default=3, help="submixes of each size 2, 3, 4 (default: 3)")
    parser.add_argument(
        "--grouping", choices=list(GROUPINGS), default="stem", help="one instrument is (default: a stem)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the plan; returns the exit code."""
    from ..plan import plan_folder, plan_published

    if args.submixes < 0:
        raise UserError(f"--submixes {args.submixes}: expected at least 0")
    if args.root is None and args.grouping != "stem":
        raise UserError(f"--grouping {args.grouping} wants --root: the published index does not name instruments")
    if args.root is not None and not args.root.is_dir():
        raise UserError(f"--root {args.root} is not a folder: expected Slakh's layout, train/Track00001/ and so on")
    plan = (
        plan_folder(args.root, args.submixes, args.grouping)
        if args.root
        else plan_published(args.version, args.submixes)
    )
    print(json.dumps(asdict(plan)) if args.json else plan.text())
    return 0

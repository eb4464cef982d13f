"""`python -m dataset_builder plan`: how many items there will be, from metadata alone, beside the paper's counts.

Without --root it counts Slakh2100 as published, and nothing needs to be downloaded. With it, it counts any source:
Slakh2100, BabySlakh, the embedded corpus where it was rendered (data/nano), or your own stems.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

from ..errors import UserError
from ..items.grouping import GROUPINGS
from ..sources.registry import READERS
from ..sources.slakh_index import VERSIONS


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("plan", help="count the items before building", description=__doc__)
    parser.add_argument("--root", type=Path, help="the source's folder (default: Slakh2100 as published)")
    parser.add_argument("--source", choices=sorted(READERS), default="slakh", help="of --root (default: slakh)")
    parser.add_argument("--omitted", choices=["redux"], help="leave out what redux omits of the original Slakh2100")
    parser.add_argument("--version", choices=VERSIONS, default="redux", help="published version (default: redux)")
    parser.add_argument("--submixes", type=int, default=3, help="submixes of each size 2, 3, 4 (default: 3)")
    parser.add_argument(
        "--grouping", choices=list(GROUPINGS), default="stem", help="one instrument is (default: a stem)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the plan; returns the exit code."""
    from ..items.plan import plan_folder, plan_published

    if args.submixes < 0:
        raise UserError(f"--submixes {args.submixes}: expected at least 0")
    if args.root is None:
        for name, default in (("grouping", "stem"), ("source", "slakh"), ("omitted", None)):
            if (value := getattr(args, name)) != default:
                raise UserError(f"--{name} {value} wants --root: the published index is of Slakh2100's stems alone")
        plan = plan_published(args.version, args.submixes)
    else:
        rendered = args.root / "slakh"  # in a data set of the embedded corpus
        root = rendered if args.source == "nano" and rendered.is_dir() else args.root
        plan = plan_folder(root, args.submixes, args.grouping, args.source, omit=args.omitted is not None)
    print(json.dumps(asdict(plan)) if args.json else plan.text())
    return 0

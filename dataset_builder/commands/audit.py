"""`python -m dataset_builder audit`: list every defect of a source, with its track and stem.

Nothing is changed. Each kind of defect has a policy (use, skip, stop), which `build` follows for what it meets, and
`build --audit` for all; the exit code is 1 if one is found whose policy is to stop.
"""

import argparse
from pathlib import Path

from ..audit.defects import KINDS
from ..cli import printable
from ..sources.registry import READERS


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    kinds = "\n".join(f"  {name:16} {kind.policy:5} {kind.meaning}" for name, kind in KINDS.items())
    parser = subparsers.add_parser(
        "audit", help="list every defect of a source", description=__doc__,
        epilog=f"kinds of defects and their policies:\n{kinds}", formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    parser.add_argument("root", type=Path, help="the source's folder")
    parser.add_argument("--source", choices=sorted(READERS), default="slakh", help="default: slakh")
    parser.add_argument("--policy", action="append", default=[], metavar="KIND=POLICY", help="may be given repeatedly")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the defects there, too")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")


def run(args: argparse.Namespace) -> int:
    """Audit and print; returns the exit code."""
    from ..audit.defects import STOP, policies
    from ..audit.source_audit import audit_source, summary
    from ..runtime import atomic

    chosen = policies(args.policy)
    defects = audit_source(args.source, args.root, args.workers)
    for defect in defects:
        print(printable(str(defect)))
    print(summary(defects, chosen))
    if args.json:
        atomic.write_json(args.json, [defect.to_json() for defect in defects])
    return int(any(chosen[defect.kind] == STOP for defect in defects))

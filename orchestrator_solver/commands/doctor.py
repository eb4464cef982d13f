"""`orchestrator doctor`: whether a run would find here all that it needs, before it is started.

Exit code 0 if nothing that the run needs is missing, else 1.
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path

NOTHING_MISSING, SOMETHING_MISSING = 0, 1


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("doctor", help="check that a run would find all it needs", description=__doc__)
    parser.add_argument("overrides", nargs="*", help="of the run's configuration, as `dora run` takes them "
                        "(default: solver=orchestrator_nano)")  # fmt: skip
    parser.add_argument("--data", type=Path, help="the data set's folder, if it is another than the configuration's")
    parser.add_argument("--seams", action="store_true", help="instead print what is replaced in other packages, why, "
                        "and when it can go")  # fmt: skip
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(args: argparse.Namespace) -> int:
    """Examine and print; returns the exit code."""
    if args.seams:
        return _print_seams()
    from ..configuration.overrides import composed
    from ..workflows.doctor import MISSING, examine

    data = [f"dset_root={args.data.absolute()}"] if args.data else []
    findings = examine(composed([*(args.overrides or ["solver=orchestrator_nano"]), *data]))
    if args.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1))
    else:
        width = max(len(finding.subject) for finding in findings)
        for finding in findings:
            cure = f" -> {finding.cure}" if finding.cure else ""
            print(f"{finding.status:8}{finding.subject:{width + 2}}{finding.detail}{cure}")
    return SOMETHING_MISSING if any(finding.status == MISSING for finding in findings) else NOTHING_MISSING


def _print_seams() -> int:
    from ..seams import registry

    for target, reason in sorted(registry.reasons()):
        print(f"{target}\n  {reason}")
    return NOTHING_MISSING

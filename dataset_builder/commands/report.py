"""`python -m dataset_builder report`: what a data set holds and what was left out of it.

Counts by kind, split and instrument, hours, silence, tempi, keys, lengths of descriptions, and reasons of what was left
out. The HTML page needs nothing from elsewhere.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("report", help="what a data set holds and lacks", description=__doc__)
    parser.add_argument("root", type=Path, help="the data set's folder")
    parser.add_argument("--format", choices=["text", "json", "html"], default="text", help="default: text")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write it there (default: print it)")


def run(args: argparse.Namespace) -> int:
    """Print or write the report; returns the exit code."""
    from ..dataset.report import read_report
    from ..dataset.report_page import page
    from ..runtime import atomic

    report = read_report(args.root)
    writers = {
        "text": report.text, "html": lambda: page(report),
        "json": lambda: json.dumps(asdict(report), indent=1, ensure_ascii=False),
    }  # fmt: skip
    text = writers[args.format]().rstrip("\n") + "\n"
    if args.out:
        atomic.write_text(args.out, text)
    else:
        sys.stdout.write(text)
    return 0

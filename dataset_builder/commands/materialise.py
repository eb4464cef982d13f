"""`python -m dataset_builder materialise`: write every item as a file, for stock audiocraft."""

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("materialise", help="write every item as a file", description=__doc__)
    parser.add_argument("root", type=Path, help="the data set's folder")
    parser.add_argument("--workers", type=int, default=2, help="processes (default: 2)")


def run(args: argparse.Namespace) -> int:
    """Write the files and their manifests; returns the exit code."""
    from ..materialise import FOLDER, materialise

    materialise(args.root, args.workers)
    print(f"stock audiocraft's manifests are in {args.root / FOLDER}")
    return 0

"""`python -m dataset_builder relocate`: say where the source's audio is now, after it has moved."""

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("relocate", help="say where the source's audio is now", description=__doc__)
    parser.add_argument("root", type=Path, help="the data set's folder")
    parser.add_argument("--source", type=Path, required=True, help="the source's folder, such as slakh2100_flac_redux")


def run(args: argparse.Namespace) -> int:
    """Record it; returns the exit code."""
    from ..dataset import manifest

    manifest.relocate(args.root, args.source)
    return 0

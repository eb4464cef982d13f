"""`orchestrator export`: a run's best weights as safetensors and JSON, for others and for `--model`."""

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("export", help="write a run's best weights as safetensors", description=__doc__)
    parser.add_argument("sig", help="the run's signature, as `dora run` prints it")
    parser.add_argument("--out", type=Path, required=True, help="folder to write model.safetensors and model.json to")
    parser.add_argument("--instruments-of", type=Path, metavar="DATA", help="data set whose instruments it learned")


def run(args: argparse.Namespace) -> int:
    """Export; returns the exit code."""
    from ..workflows.export import export_run

    export_run(args.sig, args.out, args.instruments_of)
    print(f"wrote {args.out}/model.safetensors and model.json")
    return 0

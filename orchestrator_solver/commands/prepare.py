"""`orchestrator prepare`: codes and chroma of a data set, computed once, so that training touches no audio."""

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("prepare", help="compute codes and chroma of a data set once", description=__doc__)
    parser.add_argument("data", type=Path, help="the data set's folder")
    parser.add_argument(
        "--codec", default="nano-codec", help="a shipped codec or an exported one (default: nano-codec)"
    )
    parser.add_argument("--radix2-exp", type=int, default=12, help="chroma window of 2**N samples (default: 12)")
    parser.add_argument("--splits", nargs="+", default=["train", "valid", "test"], metavar="SPLIT")
    parser.add_argument("--workers", type=int, default=2, help="processes on a CPU (default: 2)")


def run(args: argparse.Namespace) -> int:
    """Fill the store; returns the exit code."""
    import torch

    from .. import checkpoint
    from ..prepare import fill

    torch.set_num_threads(1)  # of each process
    done = fill(args.data, checkpoint.load_codec(args.codec), args.radix2_exp, tuple(args.splits), args.workers)
    print(f"{done.made} items made, {done.kept} were there")
    return 0

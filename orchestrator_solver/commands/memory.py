"""`orchestrator memory`: what a training step takes, by formula, as a Markdown table."""

import argparse

from ..workflows.gpu_memory import SCALES, STATES, table


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("memory", help="what fits on a GPU: memory of a training step", description=__doc__)
    parser.add_argument("--scale", nargs="+", choices=SCALES, default=["small", "medium"],
                        help="of MusicGen; the paper's 1.5B is medium (default: small medium)")  # fmt: skip
    parser.add_argument("--samples", type=int, default=1, help="of 30 s at once, i.e. optim.micro_batch (default: 1)")
    parser.add_argument("--optimizer", choices=STATES, default="dadam", help="default: dadam")
    parser.add_argument("--rank", type=int, default=16, help="of LoRA (default: 16)")


def run(args: argparse.Namespace) -> int:
    """Print the table; returns the exit code."""
    print(table(tuple(args.scale), args.samples, args.optimizer, args.rank))
    return 0

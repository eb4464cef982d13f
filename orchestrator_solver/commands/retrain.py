"""`orchestrator retrain`: train the nano models from nothing, as the shipped ones were, and put them in their place.

Data, codec, recogniser of instruments, baseline, fine-tuning and control, a few hours on 2 cores. Stop it anywhere and
run it again: it goes on.
"""

import argparse
import os
from pathlib import Path

from dataset_builder.bench.measurement import at_least_one
from dataset_builder.errors import UserError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("retrain", help="train the shipped nano models from nothing", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path("data/nano"), help="data set to make (default: data/nano)")
    parser.add_argument("--workers", type=int, default=2, help="processes, and threads of torch (default: 2)")
    parser.add_argument(
        "--only", choices=["recogniser"], help="train just this, on the stems of --data, which may be any data set"
    )
    parser.add_argument("--out", type=Path, help="--only: the recogniser's folder (default: that of the shipped one)")
    parser.add_argument("--updates", type=at_least_one, help="--only: how many (default: 3000)")
    parser.add_argument("--device", help="--only: auto, cpu, cuda, cuda:N or mps (default: cpu)")


def run(args: argparse.Namespace) -> int:
    """Train and export; returns the exit code."""
    from ..paths import PROJECT
    from ..workflows.nano_models import make_models

    data = args.data.resolve()
    if args.only:
        from ..workflows.recogniser_training import RecogniserSettings, make_recogniser

        updates, device = args.updates or RecogniserSettings.updates, args.device or "cpu"
        card = make_recogniser(data, args.out, updates, args.workers, device)
        print("mean average precision: " + ", ".join(f"{way} {value}" for way, value in card.items()))
        return 0
    if args.out or args.updates or args.device:
        raise UserError("--out, --updates and --device are of the recogniser: expected --only recogniser beside them")
    os.chdir(PROJECT)  # dora looks for the package to run in the working directory
    for folder in make_models(data, args.workers):
        print(folder)
    return 0

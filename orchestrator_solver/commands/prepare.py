"""`orchestrator prepare`: codes, chroma and text states of a data set, once, so that training touches no audio.

They are computed by the frozen models of a run's configuration: by default of the nano models', or of that which
overrides make, such as `solver=orchestrator`. What is there, whole and fresh, is kept; a run that was
stopped is simply run again. `dora run solver=orchestrator execute_only=prepare` does the same on all GPUs of a node.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

from dataset_builder.errors import UserError

from ..runtime.placement import PRECISIONS, placement


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("prepare", help="compute codes and chroma of a data set once", description=__doc__)
    parser.add_argument("data", type=Path, help="the data set's folder")
    parser.add_argument("overrides", nargs="*", help="of the run's configuration, as `dora run` takes them "
                        "(default: solver=orchestrator_nano)")  # fmt: skip
    parser.add_argument("--workers", type=int, default=2, help="processes that read, and on a CPU compute (default: 2)")
    parser.add_argument("--shard", metavar="I/N", default="1/1", help="compute one part of N, for jobs of your own")
    parser.add_argument("--device", help="auto, cpu, cuda, cuda:N or mps (default: the configuration's)")
    parser.add_argument(
        "--precision", choices=PRECISIONS,
        help="of codec and separation; each makes a store of its own, which a run reads by "
        "orchestrator.store_precision=PRECISION (default: the configuration's, float32)",
    )  # fmt: skip


def run(args: argparse.Namespace) -> int:
    """Fill the store; returns the exit code."""
    import torch

    from dataset_builder.runtime.shards import Shard

    from ..configuration.overrides import composed
    from ..precompute.encoders import PRECISION
    from ..precompute.fill_store import fill_for

    torch.set_num_threads(1)  # of each process
    overrides = [*(args.overrides or ["solver=orchestrator_nano"]), f"dset_root={args.data.absolute()}"]
    if args.device is not None:
        overrides.append(_override(overrides, "device", "--device", str(placement(args.device).device)))
    if args.precision is not None:
        overrides.append(_override(overrides, PRECISION, "--precision", args.precision))
    done = fill_for(composed(overrides), workers=args.workers, shard=Shard.parse(args.shard))
    texts = f", {done.texts} texts made" if done.texts else ""
    print(f"{done.made} items made, {done.kept} were there{texts}")
    return 0


def _override(given: Sequence[str], setting: str, option: str, value: str) -> str:
    """What an option sets.

    Raises:
        UserError: if an override sets it, too.
    """
    if any(word.lstrip("+").startswith(f"{setting}=") for word in given):
        raise UserError(f"{option} beside an override of {setting}: give one of them")
    return f"{setting}={value}"

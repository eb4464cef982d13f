"""`orchestrator bench`: the measurements that the README and the model cards quote."""

import argparse
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dataset_builder.errors import UserError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("bench", help="measure codec, melody, optimizer, or training from the store",
                                   description=__doc__)  # fmt: skip
    parser.add_argument(
        "what",
        choices=sorted(BENCHES),
        help="codec: pitch and timbre; baseline: melody; optimizer: D-Adaptation Adam's step; training: a step from "
        "the store against audiocraft's solver; startup: from the command to the first update",
    )
    parser.add_argument("--data", type=Path, help="the data set's folder (codec, baseline)")
    parser.add_argument("--model", help="default: nano-codec, nano-baseline")
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument("--clips", type=int, default=240, help="default: 240")
    parser.add_argument("--threads", type=int, default=2, help="of torch (default: 2)")
    parser.add_argument("--layers", type=int, default=24, help="optimizer: of MusicGen-small's width (default: 24)")
    parser.add_argument("--device", default="cpu", help="optimizer, training: of torch (default: cpu)")
    parser.add_argument("--scale", action="append", choices=["nano", "small"], help="training: default: both")
    parser.add_argument("--caches", action="append", choices=["none", "chroma", "batch"],
                        help="training: audiocraft's (default: each)")  # fmt: skip
    parser.add_argument("--seconds", type=float, default=30.0, help="training: of an excerpt (default: 30)")
    parser.add_argument("--batch", type=int, default=1, help="training: excerpts a step (default: 1)")
    parser.add_argument("--turns", type=int, default=3, help="training, startup: of each side (default: 3)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Measure and print; returns the exit code.

    Raises:
        UserError: without the data that a measurement wants.
    """
    if args.what in OF_DATA and not args.data:
        raise UserError(f"bench {args.what} needs --data, the folder of a data set")

    import torch

    from dataset_builder.runtime import atomic

    torch.set_num_threads(args.threads)
    report = BENCHES[args.what](args)
    if args.out:
        atomic.write_json(args.out, asdict(report))
    print(report.text())
    return 0


def _codec(args: argparse.Namespace) -> Any:
    from ..bench.codec import bench_codec

    return bench_codec(args.data, args.model or "nano-codec", split=args.split, count=args.clips)


def _baseline(args: argparse.Namespace) -> Any:
    from ..bench.baseline import bench_melody

    return bench_melody(args.data, args.model or "nano-baseline", split=args.split, count=args.clips)


def _optimizer(args: argparse.Namespace) -> Any:
    from ..bench.optimizer import bench_optimizer

    return bench_optimizer(args.layers, device=args.device)


def _training(args: argparse.Namespace) -> Any:
    from ..bench.training import SCALES, WANTED, Case, bench_training

    cases = [Case(kind, scale) for scale in args.scale or SCALES for kind in args.caches or WANTED]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return bench_training(
            Path(folder), cases, seconds=args.seconds, batch=args.batch, turns=args.turns, device=args.device
        )


def _startup(args: argparse.Namespace) -> Any:
    from ..bench.startup import bench_startup

    return bench_startup(args.data, args.turns)


BENCHES: dict[str, Callable[[argparse.Namespace], Any]] = {
    "baseline": _baseline, "codec": _codec, "optimizer": _optimizer, "startup": _startup,
    "training": _training,
}  # fmt: skip
OF_DATA = frozenset({"baseline", "codec", "startup"})

"""`orchestrator bench`: the measurements that the README and the model cards quote."""

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from dataset_builder.errors import UserError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("bench", help="measure a codec, how a model follows its reference, or an optimizer",
                                   description=__doc__)  # fmt: skip
    parser.add_argument(
        "what",
        choices=["codec", "baseline", "optimizer"],
        help="codec: pitch and timbre; baseline: melody; optimizer: D-Adaptation Adam's step",
    )
    parser.add_argument("--data", type=Path, help="the data set's folder (codec, baseline)")
    parser.add_argument("--model", help="default: nano-codec, nano-baseline")
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument("--clips", type=int, default=240, help="default: 240")
    parser.add_argument("--threads", type=int, default=2, help="of torch (default: 2)")
    parser.add_argument("--layers", type=int, default=24, help="optimizer: of MusicGen-small's width (default: 24)")
    parser.add_argument("--device", default="cpu", help="optimizer: of torch (default: cpu)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the figures as JSON")


def run(args: argparse.Namespace) -> int:
    """Measure and print; returns the exit code."""
    import torch

    from dataset_builder import atomic

    from ..bench.baseline import MelodyReport, bench_melody
    from ..bench.codec import CodecReport, bench_codec
    from ..bench.optimizer import OptimizerReport, bench_optimizer

    torch.set_num_threads(args.threads)
    report: CodecReport | MelodyReport | OptimizerReport
    if args.what == "optimizer":
        report = bench_optimizer(args.layers, device=args.device)
    elif not args.data:
        raise UserError(f"bench {args.what} needs --data, the folder of a data set")
    else:
        name = args.model or {"codec": "nano-codec", "baseline": "nano-baseline"}[args.what]
        measure: Callable[..., CodecReport | MelodyReport] = bench_codec if args.what == "codec" else bench_melody
        report = measure(args.data, name, split=args.split, count=args.clips)
    if args.out:
        atomic.write_json(args.out, asdict(report))
    print(report.text())
    return 0

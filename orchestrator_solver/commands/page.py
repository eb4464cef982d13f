"""`orchestrator page`: one HTML file with held-out excerpts as reference, target, and played by each model."""

import argparse
from pathlib import Path

from dataset_builder.audio.times import time_between
from dataset_builder.errors import UserError

from ..generation.sampling import add_sampling_options, sampling_of
from ..runtime.placement import add_placement_options, placement


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("page", help="a listening page of held-out excerpts", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data set's folder")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE", help="the HTML file to write")
    parser.add_argument("--finetuned", default="nano", help="a shipped model or an exported folder (default: nano)")
    parser.add_argument("--baseline", default="nano-baseline", help="default: nano-baseline")
    parser.add_argument("--table", type=Path, metavar="JSON", help="Table 1 as `orchestrator evaluate` wrote it")
    parser.add_argument("--excerpts", type=int, default=6, help="how many, each of another work (default: 6)")
    parser.add_argument(
        "--seconds", type=time_between(0.1, 3600), default=8.0, metavar="TIME", help="length of an excerpt (default: 8)"
    )
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument(
        "--policy", choices=["self", "stem", "any", "apart"], default="stem", help="what is played from (default: stem)"
    )
    add_sampling_options(parser)
    add_placement_options(parser)
    parser.add_argument("--threads", type=int, default=2, help="of torch (default: 2)")


def run(args: argparse.Namespace) -> int:
    """Play, score and write the page; returns the exit code."""
    import torch

    from ..generation.model import load_model
    from ..generation.recordings import check_writable
    from ..page.build import PageSettings, build_page
    from ..runtime.progress_bar import Bar

    torch.set_num_threads(args.threads)
    where = placement(args.device, args.precision)
    if args.out.is_dir():
        raise UserError(f"--out {args.out} is a folder: name a file in it, such as {args.out / 'page.html'}")
    check_writable(args.out.parent)
    settings = PageSettings(args.data, args.split, args.excerpts, args.seconds, args.policy, sampling_of(args))
    models = {"baseline": load_model(args.baseline, where), "finetuned": load_model(args.finetuned, where)}
    with Bar("listening page") as progress:
        build_page(args.out, models, settings, args.table, progress)
    print(args.out)
    return 0

"""`orchestrator evaluate`: the paper's Table 1, on held-out works, with intervals over works."""

import argparse
from pathlib import Path

from ..generation.sampling import add_sampling_options, sampling_of
from ..runtime.placement import add_placement_options, placement


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("evaluate", help="Table 1: score models on held-out works", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data set's folder")
    parser.add_argument("--finetuned", default="nano", help="a shipped model or an exported folder (default: nano)")
    parser.add_argument("--baseline", default="nano-baseline", help="default: nano-baseline")
    parser.add_argument("--control", help="the baseline trained on with its own data (no row without it)")
    parser.add_argument("--excerpts", type=int, default=200, help="how many, one an item (default: 200)")
    parser.add_argument("--seconds", type=float, default=8.0, help="length of an excerpt (default: 8)")
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument(
        "--policies", nargs="+", choices=["self", "stem", "any"], default=["self", "stem"],
        help="what is played from (default: self stem)",
    )  # fmt: skip
    parser.add_argument(
        "--metrics", type=lambda text: tuple(name.strip() for name in text.split(",")),
        default=("sim", "kl_musicnn", "presence"), metavar="NAME,...",
        help="also instruments, instruments_precision, instruments_recall, melody_recall, melody_precision, melody_f1, "
        "tempo_agreement, tempo_agreement_exact, key_agreement, beat_f1, loudness, silence, clipping, sim_soft, "
        "sim_all_frames, kl_passt, clap (default: sim,kl_musicnn,presence)",
    )  # fmt: skip
    add_sampling_options(parser)
    add_placement_options(parser)
    parser.add_argument("--threads", type=int, default=2, help="of torch (default: 2)")
    parser.add_argument("--out", type=Path, required=True, help="folder of the table (text, Markdown, CSV, JSON)")


def run(args: argparse.Namespace) -> int:
    """Evaluate and print the table; returns the exit code."""
    import torch

    from ..evaluation import table_formats
    from ..evaluation.run import EvaluationSettings, evaluate
    from ..generation.model import load_model
    from ..metrics.registry import build_metrics

    torch.set_num_threads(args.threads)
    build_metrics(args.metrics)  # what one of them lacks is told before anything is played
    where = placement(args.device, args.precision)
    names = {"baseline": args.baseline, "control": args.control, "finetuned": args.finetuned}
    models = {row: load_model(name, where) for row, name in names.items() if name}
    settings = EvaluationSettings(
        args.data, args.out, args.excerpts, args.seconds, tuple(args.policies), args.split, sampling_of(args),
        args.metrics,
    )  # fmt: skip
    table = evaluate(models, settings)
    table_formats.write(table, args.out)
    print(table_formats.to_text(table))
    return 0

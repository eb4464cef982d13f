"""`orchestrator evaluate`: the paper's Table 1, on held-out works, with intervals over works.

A model is a shipped one's name (nano), an exported folder, the signature of a run of this machine, or a name at the hub
(facebook/musicgen-melody). What was played is kept under --out: run again after a stop, with another metric, or on
several machines with --shard, nothing is played twice, and the table comes out the same.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dataset_builder.audio.times import time_between
from dataset_builder.errors import UserError

from ..generation.sampling import add_sampling_options, number_between, sampling_of
from ..runtime.placement import add_placement_options, placement

if TYPE_CHECKING:
    import torch


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("evaluate", help="Table 1: score models on held-out works", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="the data set's folder")
    parser.add_argument(
        "--out", type=Path, required=True, help="folder of the table, a page with its sound, and what was played"
    )
    _add_models(parser)
    _add_excerpts(parser)
    _add_metrics(parser)
    parser.add_argument(
        "--batch", type=number_between(int, 1, 1024), default=16, metavar="N", help="excerpts at once (default: 16)"
    )
    parser.add_argument("--shard", metavar="I/N", default="1/1", help="play one part of N; the last run has none")
    add_sampling_options(parser)
    add_placement_options(parser)
    parser.add_argument("--threads", type=int, default=2, help="of torch (default: 2)")
    parser.add_argument(
        "--workers", type=number_between(int, 1, 1024), default=1, metavar="N",
        help="on a CPU, processes that share the batches, of a thread each (default: 1)",
    )  # fmt: skip


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--finetuned", default="nano", metavar="MODEL", help="default: nano")
    parser.add_argument("--baseline", metavar="MODEL", help="default: what --finetuned says it started from; or none")
    parser.add_argument("--control", metavar="MODEL", help="the baseline trained on with its own data")
    parser.add_argument(
        "--other", type=_other_model, action="append", default=[], metavar="NAME=MODEL",
        help="a further row; may be given several times",
    )  # fmt: skip


def _add_excerpts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--excerpts", type=int, default=200, help="how many, one an item (default: 200)")
    parser.add_argument(
        "--seconds", type=time_between(0.1, 3600), metavar="TIME",
        help="length of an excerpt (default: what the models play at once)",
    )  # fmt: skip
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument(
        "--policies", nargs="+", choices=["self", "stem", "any", "apart"], default=["self", "stem"],
        help="what is played from: the target itself (the paper's), a stem, any item of the track, or one that shares "
        "no stem with the target (default: self stem)",
    )  # fmt: skip
    parser.add_argument(
        "--description", choices=["target", "reference"], default="target",
        help="whose description models get: the target's (the paper's), or the reference's, which is what a user has "
        "(default: target)",
    )  # fmt: skip
    parser.add_argument(
        "--seeds", type=number_between(int, 1, 100), default=1, metavar="N", help="takes of each excerpt (default: 1)"
    )


def _add_metrics(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--metrics", default="offline", metavar="NAME,...",
        help="offline (sim, melody, instruments, kl_musicnn), paper (its sim_audiocraft, kl_passt and clap, and "
        "corrected beside them sim and kl_passt_independent), or names of metrics; a wrong name lists them (default: "
        "offline)",
    )  # fmt: skip
    parser.add_argument(
        "--passt-checkpoint", type=Path, metavar="FILE",
        help="PaSST's weights, for kl_passt; they are downloaded by hand, see docs/researchers.md (default: in torch's "
        "folder, hub/checkpoints below TORCH_HOME)",
    )  # fmt: skip
    parser.add_argument("--clap-checkpoint", type=Path, metavar="FILE", help="LAION's CLAP, for clap; likewise")
    parser.add_argument(
        "--any-checkpoint", action="store_true",
        help="take weights whose SHA-256 is not that of the published file; the results say so",
    )  # fmt: skip


def _options(args: argparse.Namespace, device: "torch.device") -> dict[str, dict[str, Any]]:
    """Which weights metrics are to use, by the metrics' names."""
    common = {"any_hash": args.any_checkpoint, "device": device}
    passt = {"checkpoint": args.passt_checkpoint, **common}
    clap = {"checkpoint": args.clap_checkpoint, **common}
    return {
        "kl_passt": passt, "kl_passt_independent": passt, "fad_passt": passt, "clap": clap, "fad_clap": clap,
    }  # fmt: skip


def _other_model(text: str) -> tuple[str, str]:
    name, _, model = text.partition("=")
    if not name or not model:
        raise argparse.ArgumentTypeError(f"{text!r} is no NAME=MODEL")
    return name, model


def run(args: argparse.Namespace) -> int:
    """Evaluate and print the table; returns the exit code."""
    import torch

    from dataset_builder.runtime.shards import Shard

    from ..evaluation import table_formats
    from ..evaluation.models import load_rows
    from ..evaluation.run import Evaluation, EvaluationSettings
    from ..metrics.registry import build_metrics, build_set_metrics, names_of
    from ..page.table_page import write_table_page
    from ..workflows.shared_evaluation import Recipe, run_shared

    torch.set_num_threads(args.threads)
    shard, metrics = Shard.parse(args.shard), names_of(args.metrics)
    where = placement(args.device, args.precision)
    if args.workers > 1 and where.device.type != "cpu":
        raise UserError(
            f"--workers {args.workers} is for the CPU, found {where.device}: share by --shard, or --device cpu"
        )
    options = _options(args, where.device)
    for build in (build_metrics, build_set_metrics):  # what one of them lacks is told before anything is played
        build(metrics, **options)
    settings = EvaluationSettings(
        args.data, args.out, args.excerpts, args.seconds, tuple(args.policies), args.split, sampling_of(args), metrics,
        args.seeds, args.description, options, args.batch,
    )  # fmt: skip
    names = (args.finetuned, args.baseline, args.control, dict(args.other))
    evaluation = Evaluation(load_rows(*names, where), settings)
    if args.workers > 1:
        evaluation.list_excerpts()
        run_shared(Recipe(*names, args.precision, settings), len(evaluation.batches), shard, args.workers)
    else:
        evaluation.run(shard)
    if shard.count > 1:
        print(f"part {args.shard} is done: when all are, run again without --shard for the table")
        return 0
    table = evaluation.table()
    table_formats.write(table, args.out)
    write_table_page(args.out / "table1.html", table, evaluation.takes)
    print(table_formats.to_text(table))
    return 0

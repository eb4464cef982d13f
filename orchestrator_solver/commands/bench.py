"""`orchestrator bench`: the measurements that the README and the model cards quote, each against a named peer."""

import argparse
import tempfile
from pathlib import Path

from dataset_builder.audio.times import time_between
from dataset_builder.bench.measurement import (
    Measurement,
    Report,
    add_measurements,
    add_source_options,
    at_least_one,
    run_measurement,
)
from dataset_builder.errors import UserError

from ..generation.sampling import add_sampling_options, number_between, sampling_of
from ..runtime.placement import PRECISIONS, add_device_option, add_placement_options, placement


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("bench", help="measure codec, melody, optimizer, excerpts, training, start",
                                   description=__doc__)  # fmt: skip
    add_measurements(parser, MEASUREMENTS)


def run(args: argparse.Namespace) -> int:
    """Measure and print; returns the exit code."""
    import torch

    if "threads" in args:
        torch.set_num_threads(args.threads)
    return run_measurement(args, MEASUREMENTS)


def _threads(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=at_least_one, default=2, help="of torch (default: 2)")


def _data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="the data set's folder")


def _model_options(parser: argparse.ArgumentParser, model: str, clips: int = 240) -> None:
    _data(parser)
    parser.add_argument("--model", default=model, help=f"default: {model}")
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument("--clips", type=at_least_one, default=clips, help=f"default: {clips}")
    _threads(parser)


def _codec_options(parser: argparse.ArgumentParser) -> None:
    _model_options(parser, "nano-codec")
    add_device_option(parser)
    parser.add_argument("--precision", choices=PRECISIONS, default="float32", help="of the codec (default: float32)")


def _codec(args: argparse.Namespace) -> Report:
    from ..bench.codec import bench_codec
    from ..weights.package import load

    where = placement(args.device, args.precision)
    return bench_codec(args.data, load(args.model, "codec"), where, split=args.split, count=args.clips)


def _baseline_options(parser: argparse.ArgumentParser) -> None:
    _model_options(parser, "nano-baseline")
    add_placement_options(parser)


def _baseline(args: argparse.Namespace) -> Report:
    from ..bench.baseline import bench_melody
    from ..generation.model import load_model

    model = load_model(args.model, placement(args.device, args.precision))
    return bench_melody(args.data, model, split=args.split, count=args.clips)


def _optimizer_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--layers", type=at_least_one, default=24, help="of MusicGen-small's width (default: 24)")
    parser.add_argument("--device", default="cpu", help="of torch (default: cpu)")
    _threads(parser)


def _optimizer(args: argparse.Namespace) -> Report:
    from ..bench.speed.optimizer import bench_optimizer

    return bench_optimizer(args.layers, device=args.device)


def _ears_options(parser: argparse.ArgumentParser) -> None:
    _data(parser)
    parser.add_argument("--codec", default="nano-codec", help="that sounds pass through (default: nano-codec)")
    parser.add_argument("--model", help="also play the excerpts by this model, and say how long it takes")
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument("--excerpts", type=at_least_one, default=60, help="how many (default: 60)")
    parser.add_argument(
        "--seconds", type=time_between(0.1, 3600), default=8.0, metavar="TIME", help="of each (default: 8)"
    )
    parser.add_argument("--metrics", metavar="NAME,...", help="(default: all that this machine has the networks for)")
    _threads(parser)


def _ears(args: argparse.Namespace) -> Report:
    from ..bench.ears import bench_ears
    from ..generation.model import load_model
    from ..metrics.registry import METRICS, SET_METRICS
    from ..models.loading import build_codec_from_package
    from ..weights.package import load

    names = args.metrics.split(",") if args.metrics else None
    if unknown := [name for name in names or () if name not in {**METRICS, **SET_METRICS}]:
        known = ", ".join([*METRICS, *SET_METRICS])
        raise UserError(f"--metrics: unknown metric {', '.join(unknown)}: expected one of {known}")
    codec = build_codec_from_package(load(args.codec, "codec"))
    model = load_model(args.model) if args.model else None
    return bench_ears(args.data, codec, args.split, args.excerpts, args.seconds, names, model)


def _decoding_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--shape", default="small", metavar="SHAPE",
                        help="small, medium (MusicGen's, random weights), or a model (default: small)")  # fmt: skip
    parser.add_argument("--position", type=int, action="append", dest="positions", metavar="N",
                        help="codes before the steps that are timed (default: 250 and 1400)")  # fmt: skip
    parser.add_argument("--steps", type=at_least_one, default=8, help="timed in a turn (default: 8)")
    parser.add_argument("--turns", type=at_least_one, default=3, help="of all sides (default: 3)")
    _threads(parser)


def _decoding(args: argparse.Namespace) -> Report:
    from ..bench.speed.decoding import bench_decoding

    return bench_decoding(args.shape, tuple(args.positions or (250, 1400)), args.steps, args.turns)


def _one_instrument_options(parser: argparse.ArgumentParser) -> None:
    _data(parser)
    parser.add_argument("--split", default="test", help="default: test")
    parser.add_argument(
        "--seconds", type=time_between(1, 600), default=30.0, metavar="TIME", help="of an excerpt (default: 30)"
    )
    _threads(parser)


def _one_instrument(args: argparse.Namespace) -> Report:
    from ..generation.references.hearing_errors import measure_errors

    return measure_errors(args.data, args.split, args.seconds)


def _excerpt_options(parser: argparse.ArgumentParser) -> None:
    add_source_options(parser)
    parser.add_argument("--excerpts", type=at_least_one, default=60, help="how many (default: 60)")


def _excerpt(args: argparse.Namespace) -> Report:
    from dataset_builder.bench.inputs import slakh_source

    from ..bench.speed.excerpt import bench_excerpt

    with slakh_source(args.root, args.tracks, args.stems) as (root, folder):
        return bench_excerpt(root, folder, args.excerpts, args.repeats)


def _playing_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", default="nano", help="default: nano")
    parser.add_argument("--turns", type=at_least_one, default=3, help="default: 3")
    _threads(parser)
    add_placement_options(parser)


def _playing(args: argparse.Namespace) -> Report:
    from ..bench.speed.playing import bench_playing
    from ..generation.model import load_model

    return bench_playing(load_model(args.model, placement(args.device, args.precision)), args.turns, args.threads)


def _swap_options(parser: argparse.ArgumentParser) -> None:
    _model_options(parser, "nano", clips=120)
    add_sampling_options(parser)
    add_placement_options(parser)


def _swap(args: argparse.Namespace) -> Report:
    from ..bench.swap import bench_swap
    from ..generation.model import load_model

    model = load_model(args.model, placement(args.device, args.precision))
    return bench_swap(args.data, model, sampling_of(args), args.split, args.clips)


def _validation_options(parser: argparse.ArgumentParser) -> None:
    _data(parser)
    parser.add_argument("--model", default="nano", help="default: nano")
    parser.add_argument("--split", default="valid", help="default: valid")
    parser.add_argument("--excerpts", type=at_least_one, default=60, help="how many (default: 60)")
    parser.add_argument(
        "--seconds", type=time_between(0.1, 600), default=8.0, metavar="TIME", help="of each (default: 8)"
    )
    _threads(parser)
    add_placement_options(parser)


def _conditions(args: argparse.Namespace) -> Report:
    from ..bench.conditions import bench_conditions
    from ..generation.model import load_model

    model = load_model(args.model, placement(args.device, args.precision))
    return bench_conditions(args.data, model, args.split, args.excerpts, args.seconds)


def _dials_options(parser: argparse.ArgumentParser) -> None:
    _validation_options(parser)
    for option, kind, values, default in (
        ("--melody", number_between(float, 0, 100), [3.0, 6.0, 9.0], "3 6 9"),
        ("--words", number_between(float, 0, 100), [], "as the melody, one dial"),
        ("--temperature", number_between(float, 0, 100), [1.0], "1"),
        ("--top-k", at_least_one, [250], "250"),
    ):
        parser.add_argument(option, type=kind, nargs="+", metavar="VALUE", default=values, help=f"default: {default}")
    parser.add_argument("--metrics", default="offline", metavar="NAME,...", help="default: offline")


def _dials(args: argparse.Namespace) -> Report:
    from ..bench.dials import Dials, bench_dials
    from ..generation.model import load_model
    from ..metrics.registry import build_metrics, names_of

    metrics = build_metrics(names_of(args.metrics))
    model = load_model(args.model, placement(args.device, args.precision))
    dials = Dials(args.melody, args.words, args.temperature, args.top_k)
    return bench_dials(args.data, model, dials, metrics, args.split, args.excerpts, args.seconds)


def _training_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--scale", action="append", choices=["nano", "small"], help="default: both")
    parser.add_argument("--caches", action="append", choices=["none", "chroma", "batch"],
                        help="audiocraft's (default: each)")  # fmt: skip
    parser.add_argument(
        "--seconds", type=time_between(0.1, 3600), default=30.0, metavar="TIME", help="of an excerpt (default: 30)"
    )
    parser.add_argument("--batch", type=at_least_one, default=1, help="excerpts a step (default: 1)")
    parser.add_argument("--turns", type=at_least_one, default=3, help="of each side (default: 3)")
    parser.add_argument("--device", default="cpu", help="of torch (default: cpu)")
    _threads(parser)


def _training(args: argparse.Namespace) -> Report:
    from ..bench.speed.training import SCALES, WANTED, Case, bench_training

    cases = [Case(kind, scale) for scale in args.scale or SCALES for kind in args.caches or WANTED]
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return bench_training(
            Path(folder), cases, seconds=args.seconds, batch=args.batch, turns=args.turns, device=args.device
        )


def _imports_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="the folder of a data set, for `show=true`")
    parser.add_argument("--turns", type=at_least_one, default=5, help="of each command (default: 5)")


def _imports(args: argparse.Namespace) -> Report:
    from dataset_builder import commands as builder
    from dataset_builder.commands import bench as builder_bench

    from ..bench.speed.imports import bench_imports
    from . import COMMANDS

    programs = {
        "orchestrator_solver.cli": (COMMANDS, MEASUREMENTS),
        "dataset_builder": (builder.COMMANDS, builder_bench.MEASUREMENTS),
    }
    helps = [
        [program, *words, "--help"]
        for program, (commands, measurements) in programs.items()
        for words in [[], *([name] for name in commands), *(["bench", name] for name in measurements)]
    ]
    return bench_imports(args.data, helps, args.turns)


def _sweep_options(parser: argparse.ArgumentParser) -> None:
    _data(parser)
    parser.add_argument("--rows", type=at_least_one, default=8, help="default: 8")
    parser.add_argument("--jobs", type=at_least_one, default=2, help="at once (default: 2)")


def _sweep(args: argparse.Namespace) -> Report:
    from ..bench.speed.sweeping import bench_sweep

    return bench_sweep(args.data, args.rows, args.jobs)


def _monitor_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--runs", type=at_least_one, default=100, help="default: 100")
    parser.add_argument("--epochs", type=at_least_one, default=25, help="in the history of each (default: 25)")
    parser.add_argument("--turns", type=at_least_one, default=5, help="of which the slowest counts (default: 5)")


def _monitor(args: argparse.Namespace) -> Report:
    from ..bench.speed.monitor import bench_monitor

    return bench_monitor(args.runs, args.epochs, args.turns)


def _startup_options(parser: argparse.ArgumentParser) -> None:
    _data(parser)
    parser.add_argument("--turns", type=at_least_one, default=3, help="of each side (default: 3)")


def _startup(args: argparse.Namespace) -> Report:
    from ..bench.speed.startup import bench_startup

    return bench_startup(args.data, args.turns)


MEASUREMENTS: dict[str, Measurement] = {
    "baseline": Measurement("How well the baseline keeps its reference's melody", _baseline_options, _baseline),
    "codec": Measurement("What of pitch and timbre passes through the codec", _codec_options, _codec),
    "conditions": Measurement(
        "What a model gains from prompt and reference: cross-entropy under true, other and no conditions",
        _validation_options, _conditions,
    ),
    "decoding": Measurement(
        "A step of playing against audiocraft's and transformers', and against the memory's limit",
        _decoding_options, _decoding,
    ),
    "dials": Measurement("What guidance, temperature and top-k do to takes: a frontier", _dials_options, _dials),
    "ears": Measurement("Whether metrics hear: true excerpts against others in their place, and seconds",
                        _ears_options, _ears),
    "excerpt": Measurement(
        "Reading a random excerpt of a virtual item of four stems against audiocraft's reading of one file",
        _excerpt_options, _excerpt,
    ),
    "imports": Measurement("What commands spend before their work begins, against import torch",
                           _imports_options, _imports),
    "monitor": Measurement("Tables of many runs, shown anew, against 2 s", _monitor_options, _monitor),
    "one-instrument": Measurement("How often a stem is taken for several instruments, and a mix for one",
                                  _one_instrument_options, _one_instrument),
    "optimizer": Measurement(
        "A step of D-Adaptation Adam against audiocraft's and fused AdamW", _optimizer_options, _optimizer
    ),
    "playing": Measurement(
        "What a user waits for: a take, eight of them, the first sound; and memory", _playing_options, _playing
    ),
    "swap": Measurement("Whether takes on other instruments are told apart by an ear", _swap_options, _swap),
    "sweep": Measurement("Rows of a sweep side by side", _sweep_options, _sweep),
    "startup": Measurement("From the command to the first update", _startup_options, _startup),
    "training": Measurement(
        "A training step from the store against audiocraft's own solver", _training_options, _training
    ),
}  # fmt: skip

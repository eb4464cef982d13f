"""`python -m dataset_builder bench`: the measurements that the README quotes, both sides in one run."""

import argparse
import tempfile
from pathlib import Path

from ..bench.measurement import (
    Measurement,
    Report,
    add_measurements,
    add_repeats,
    add_source_options,
    at_least_one,
    run_measurement,
)
from ..errors import UserError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    add_measurements(subparsers.add_parser("bench", help="measure the builder", description=__doc__), MEASUREMENTS)


def run(args: argparse.Namespace) -> int:
    """Measure and print; returns the exit code."""
    return run_measurement(args, MEASUREMENTS)


def _workers(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workers", type=at_least_one, default=2, help="processes (default: 2)")


def _key_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--midi", type=Path, metavar="FOLDER", help="MIDI files (default: made of the corpus)")
    parser.add_argument("--files", type=at_least_one, default=56, help="how many (default: 56)")
    add_repeats(parser)


def _key(args: argparse.Namespace) -> Report:
    from ..bench.inputs import midi_files
    from ..bench.key import bench_key

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return bench_key(midi_files(args.midi, Path(folder), args.files), args.repeats)


def _build_options(parser: argparse.ArgumentParser) -> None:
    add_source_options(parser)
    _workers(parser)


def _build(args: argparse.Namespace) -> Report:
    from ..bench.build import bench_build
    from ..bench.inputs import slakh_source

    with slakh_source(args.root, args.tracks, args.stems) as (root, folder):
        return bench_build(root, folder, args.workers, args.repeats)


def _describe_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--items", type=at_least_one, default=33_863, help="how many (default: the paper's 33863)")


def _describe(args: argparse.Namespace) -> Report:
    from ..bench.describe import bench_describe

    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return bench_describe(Path(folder), args.items)


def _audit_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--data", type=Path, required=True, help="the folder of a data set whose stems are sound")
    parser.add_argument("--every", type=at_least_one, default=4, help="put defects into every n-th track (default: 4)")
    _workers(parser)


def _audit(args: argparse.Namespace) -> Report:
    from ..bench.audit import bench_audit

    return bench_audit(args.data, args.every, args.workers)


def _rebuild_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--tracks", type=at_least_one, default=1000, help="how many (default: 1000)")
    parser.add_argument("--changed", type=at_least_one, default=3, help="of how many a stem changes (default: 3)")
    _workers(parser)


def _rebuild(args: argparse.Namespace) -> Report:
    from ..bench.rebuild import bench_rebuild

    if args.changed > args.tracks:
        raise UserError(f"--changed {args.changed}: expected at most as many as there are tracks, {args.tracks}")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        return bench_rebuild(Path(folder), args.tracks, args.changed, args.workers)


MEASUREMENTS: dict[str, Measurement] = {
    "audit": Measurement(
        "How often the audit calls a sound stem defect, and finds defects that are put into stems",
        _audit_options, _audit,
    ),
    "build": Measurement(
        "Building and materialising a data set against a program that only reads and encodes the same files",
        _build_options, _build,
    ),
    "describe": Measurement(
        "Having a language model describe items against a client that only asks (a server on loopback answers)",
        _describe_options, _describe,
    ),
    "key": Measurement(
        "The key of MIDI files against music21, and their tempi against pretty_midi", _key_options, _key
    ),
    "rebuild": Measurement(
        "A build after stems of a few tracks have changed against the build of all, and what finding them takes",
        _rebuild_options, _rebuild,
    ),
}  # fmt: skip

"""`python -m dataset_builder bench`: the measurements that the README quotes, both sides in one run.

key: the key of MIDI files against music21, and their tempi against pretty_midi's.
build: building and materialising a data set against a program that only reads and encodes the same files.
describe: having a language model describe items, against a client that only asks (a server on loopback answers).
audit: how often it calls a sound stem defect, and finds defects that are put into them.
excerpt: reading a random excerpt of a virtual item of four stems against audiocraft's reading of one file.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol


class _Report(Protocol):
    def text(self) -> str: ...
    def to_json(self) -> dict[str, Any]: ...


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser(
        "bench", help="measure the builder", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=sorted(BENCHES))
    parser.add_argument("--repeats", type=int, default=3, help="turns of each side (default: 3)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="also write the figures as JSON")
    parser.add_argument("--midi", type=Path, metavar="FOLDER", help="key: MIDI files (default: made of the corpus)")
    parser.add_argument("--files", type=int, default=56, help="key: how many (default: 56)")
    parser.add_argument("--root", type=Path, help="build, excerpt: a folder in Slakh's layout (default: rendered)")
    parser.add_argument("--tracks", type=int, default=30, help="build, excerpt: how many (default: 30)")
    parser.add_argument("--stems", type=int, default=8, help="build, excerpt: least stems of a track (default: 8)")
    parser.add_argument("--excerpts", type=int, default=60, help="excerpt: how many (default: 60)")
    parser.add_argument("--items", type=int, default=33_863, help="describe: how many (default: the paper's 33863)")
    parser.add_argument("--data", type=Path, help="audit: the folder of a data set whose stems are sound")
    parser.add_argument("--every", type=int, default=4, help="audit: put defects into every n-th track (default: 4)")
    parser.add_argument("--workers", type=int, default=2, help="audit, build: processes (default: 2)")


def _key(args: argparse.Namespace, folder: Path) -> _Report:
    from ..bench.inputs import midi_files
    from ..bench.key import bench_key

    return bench_key(midi_files(args.midi, folder, args.files), args.repeats)


def _build(args: argparse.Namespace, folder: Path) -> _Report:
    from ..bench.build import bench_build
    from ..bench.inputs import slakh_root

    return bench_build(
        slakh_root(args.root, folder / "slakh", args.tracks, args.stems), folder, args.workers, args.repeats
    )


def _describe(args: argparse.Namespace, folder: Path) -> _Report:
    from ..bench.describe import bench_describe

    return bench_describe(folder, args.items)


def _excerpt(args: argparse.Namespace, folder: Path) -> _Report:
    from orchestrator_solver.bench.excerpt import bench_excerpt

    from ..bench.inputs import slakh_root

    root = slakh_root(args.root, folder / "slakh", args.tracks, args.stems)
    return bench_excerpt(root, folder, args.excerpts, args.repeats)


def _audit(args: argparse.Namespace, folder: Path) -> _Report:
    from ..bench.audit import bench_audit
    from ..errors import UserError

    if args.data is None:
        raise UserError("bench audit wants --data, such as data/nano: a data set whose stems are sound")
    return bench_audit(args.data, args.every, args.workers)


BENCHES: dict[str, Callable[[argparse.Namespace, Path], _Report]] = {
    "audit": _audit,
    "build": _build,
    "describe": _describe,
    "excerpt": _excerpt,
    "key": _key,
}


def run(args: argparse.Namespace) -> int:
    """Measure and print; returns the exit code."""
    from ..errors import UserError
    from ..runtime import atomic

    for name in ("repeats", "files", "tracks", "stems", "excerpts", "workers", "items", "every"):
        if getattr(args, name) < 1:
            raise UserError(f"--{name} is {getattr(args, name)}: expected at least 1")
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        report = BENCHES[args.what](args, Path(folder))
    print(report.text())
    if args.out:
        atomic.write_json(args.out, report.to_json())
    return 0

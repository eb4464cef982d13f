"""`python -m dataset_builder materialise`: write every item as a file, for stock audiocraft.

What is there is kept, so that a stopped run goes on. Many machines: `--launcher slurm`, or `--shard 1/4` and so on, one
on each, and then the command without it, which makes the links and the manifest of all.
"""

import argparse
from pathlib import Path

from ..errors import UserError
from ..runtime.shards import Shard
from .options import add_launch_options, launch_of


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("materialise", help="write every item as a file", description=__doc__)
    parser.add_argument("root", type=Path, help="the data set's folder")
    group = parser.add_argument_group("scale")
    group.add_argument("--workers", type=int, default=2, help="processes, of each job (default: 2)")
    group.add_argument("--shard", metavar="I/N", help="write one part of N")
    add_launch_options(group)


def run(args: argparse.Namespace) -> int:
    """Write the files and their manifests; returns the exit code."""
    if not args.shard:
        materialise_data(args.root, args)
        return 0
    if args.launcher:
        raise UserError("--shard writes one part: expected no --launcher beside it")
    from ..dataset.materialise import materialise_shard

    count = materialise_shard(args.root, Shard.parse(args.shard), args.workers)
    print(f"shard {args.shard}: {count} files; when all are done: python -m dataset_builder materialise {args.root}")
    return 0


def materialise_data(root: Path, args: argparse.Namespace) -> None:
    """Write the files, by jobs if asked for."""
    from ..dataset.materialise import FOLDER, materialise

    if args.launcher:
        from ..pipeline.cluster_jobs import launch_materialise

        launch_materialise(root, args.workers, launch_of(args))
    else:
        materialise(root, args.workers)
    print(f"stock audiocraft's manifests are in {root / FOLDER}")

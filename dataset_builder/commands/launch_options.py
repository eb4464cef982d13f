"""Options of the commands that can make their shards by jobs."""

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..launching import Launch

LAUNCHERS = ("slurm", "local")


def add_launch_options(group: argparse._ArgumentGroup) -> None:
    """Add them."""
    group.add_argument("--launcher", choices=LAUNCHERS, help="make the shards by jobs, wait for them, and merge")
    group.add_argument("--shards", type=int, default=8, help="launcher: how many jobs (default: 8)")
    group.add_argument("--partition", help="launcher: Slurm's partition")
    group.add_argument("--account", help="launcher: Slurm's account")
    group.add_argument("--minutes", type=int, default=240, help="launcher: a job's time limit (default: 240)")
    group.add_argument("--memory", type=int, default=8, metavar="GB", help="launcher: of a job (default: 8)")


def launch_of(args: argparse.Namespace) -> "Launch":
    """How the jobs are run. With it comes submitit, which takes a while to import."""
    from ..launching import Launch

    return Launch(args.launcher, args.shards, args.partition, args.account, args.minutes, args.memory)

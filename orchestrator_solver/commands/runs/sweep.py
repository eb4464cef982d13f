"""`orchestrator sweep`: run the experiments of a grid one after another, where there is no Slurm.

What is finished is skipped and what was interrupted goes on, so that the same command can be given again at any time.
The exit code is 1 if a row failed.
"""

import argparse
import shlex

from dataset_builder.errors import UserError


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser(
        "sweep", help="run a grid's experiments one after another, without Slurm", description=__doc__
    )
    parser.add_argument("grid", nargs="?", help="a module of grids/ (without it: list them)")
    parser.add_argument(
        "--rows", nargs="+", default=[], metavar="ROW",
        help="only these: numbers, or parts of names (`*` for anything, `!` in front for all others)",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="show the rows, how far they are, and their commands")
    parser.add_argument("--stop-on-failure", action="store_true", help="do not run the rows after a failed one")


def run(args: argparse.Namespace) -> int:
    """Run or show; returns the exit code, 1 if a row failed."""
    from ...workflows import local_grid

    if args.grid is None:
        if args.rows or args.dry_run:
            raise UserError("which grid? one of " + ", ".join(local_grid.grid_names()))
        print("\n".join(local_grid.grid_names()))
        return 0
    rows = local_grid.expand(args.grid, args.rows)
    if args.dry_run:
        print(local_grid.table(args.grid, rows))
        for row in rows:
            print(f"{row.sig} ({row.state}): dora run {shlex.join(row.sheep.xp.argv)}")
        return 0
    failures = list(local_grid.run_rows(rows, keep_going=not args.stop_on_failure))
    print(local_grid.table(args.grid, rows))
    return 1 if failures else 0

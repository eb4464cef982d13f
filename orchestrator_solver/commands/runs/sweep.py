"""`orchestrator sweep`: run the experiments of a grid on this machine, several at once, where there is no Slurm.

What is finished is skipped and what was interrupted goes on, so that the same command can be given again at any time;
Ctrl-C and SIGTERM stop all rows, each after its step. With --jobs each row gets a GPU for itself or, on a CPU, its
share of the cores; a row is the same experiment, with the same signature, as by `dora grid` on Slurm. The exit code is
1 if a row failed.
"""

import argparse
import shlex

from dataset_builder.errors import UserError

from ...generation.sampling import number_between


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser(
        "sweep", help="run a grid's experiments on this machine, without Slurm", description=__doc__
    )
    parser.add_argument("grid", nargs="?", help="a module of grids/ (without it: list them)")
    parser.add_argument("--list", action="store_true", help="what each grid asks, and what a row costs")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="ROW",
        help="these rows: signatures, numbers, or parts of names (`*` for anything, `!` in front for all others)",
    )  # fmt: skip
    parser.add_argument(
        "--jobs", type=number_between(int, 1, 1024), default=1, metavar="N",
        help="rows at once: as many as there are GPUs or, for rows on a CPU, cores (default: 1)",
    )  # fmt: skip
    parser.add_argument(
        "--retries", type=number_between(int, 0, 100), default=0, metavar="N",
        help="how often a row that failed is run again, after the others (default: 0)",
    )  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="show the rows, how far they are, and their commands")
    parser.add_argument("--stop-on-failure", action="store_true", help="start no row after one that failed")


def run(args: argparse.Namespace) -> int:
    """Run or show; returns the exit code, 1 if a row failed."""
    from ...workflows.sweep import rows as grids
    from ...workflows.sweep.running import run_rows

    if args.list:
        print(grids.described())
        return 0
    if args.grid is None:
        if args.only or args.dry_run:
            raise UserError("which grid? one of " + ", ".join(grids.grid_names()))
        print("\n".join(grids.grid_names()))
        return 0
    rows = grids.expand(args.grid, args.only)
    if args.dry_run:
        print(grids.table(args.grid, rows))
        for row in rows:
            print(f"{row.sig} ({row.state}): dora run {shlex.join(row.sheep.xp.argv)}")
        return 0
    failures = run_rows(rows, args.jobs, args.retries, not args.stop_on_failure)
    print(grids.table(args.grid, rows))
    return 1 if failures else 0

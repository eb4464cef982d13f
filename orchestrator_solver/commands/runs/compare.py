"""`orchestrator compare`: runs of this machine side by side, by their histories and by what they play.

A table of losses; where runs were evaluated (`evaluate.metrics.clips`), Table 1 with a row a run (those that differ in
their seed alone are one row) and paired differences from the first that was, with intervals and tests over works, by
flipping signs; and a page with curves and plots in one HTML file. With --plots the same as PNG: losses, scores with
intervals, and differences with their corrected p-values.
"""

import argparse
from pathlib import Path


def add_parser(subparsers: argparse._SubParsersAction) -> None:
    """Add the command to the program's parser."""
    parser = subparsers.add_parser("compare", help="runs side by side: losses, scores, tests", description=__doc__)
    parser.add_argument(
        "runs", nargs="+", metavar="SIG|GRID",
        help="signatures of runs, or grids; the first that was evaluated is what the others are compared with",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=Path("comparison.html"), help="default: comparison.html")
    parser.add_argument("--plots", type=Path, metavar="DIR", help="write plots as PNG there, too")


def run(args: argparse.Namespace) -> int:
    """Compare, print and write the page; returns the exit code."""
    from ...evaluation.table_formats import aligned, to_text
    from ...page.comparison_page import Losses, curves_of, write_comparison_page
    from ...page.content import PageTable
    from ...page.run_plots import write_plots
    from ...workflows import comparison

    runs = comparison.find(args.runs)
    table = comparison.table_of(runs)
    notes, facts = comparison.notes_of(runs, table), [one.facts() for one in runs]
    losses = {
        words: [Losses(one.label, one.losses(stage)) for one in runs]
        for stage, words in (("train", "training"), ("valid", "validation"))
    }
    curves = [curves_of(f"Cross-entropy in {words}, nats per code, by epoch", lines) for words, lines in losses.items()]
    page = PageTable("Runs", comparison.HEAD, facts)
    write_comparison_page(args.out, page, [plot for plot in curves if plot], table, notes)
    plots = write_plots(args.plots, losses, table) if args.plots else []
    parts = [aligned([list(comparison.HEAD), *map(list, facts)]), *([to_text(table)] if table else []), *notes]
    print("\n\n".join(parts))
    print("\n".join([f"{args.out}: the same with plots", *map(str, plots)]))
    return 0

"""Runs side by side as a page: curves of their losses, a table, and what they play with its intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..evaluation.table import Table
from ..evaluation.table_formats import to_json
from .content import PageTable, tables_of
from .shell import render_template, write_html
from .table_page import LEFT, WIDTH, plots_of

HEIGHT, MARGIN = 320, 50  # of a plot of curves, in pixels
COLOURS = ("#3b78c4", "#d1662a", "#2f9468", "#a957b6", "#b38a1d", "#c73f5b", "#2a9bb0", "#7d7f86")  # on light and dark
DASHES = ("", "6 4", "2 3", "9 3 2 3")  # for the eight after the first eight, and so on
TITLE = "Music Orchestrator: runs"


@dataclass(frozen=True)
class Losses:
    """A run's cross-entropies: epochs, from 1, and nats per code."""

    label: str
    points: Sequence[tuple[int, float]]


@dataclass(frozen=True)
class _Curve:
    label: str
    colour: str
    dash: str
    points: Sequence[tuple[float, float]]

    @property
    def path(self) -> str:
        """As SVG's polyline takes it."""
        return " ".join(f"{x},{y}" for x, y in self.points)


@dataclass(frozen=True)
class CurvePlot:
    """Curves of one stage; `across` and `up` are places and numbers of the scales."""

    title: str
    curves: Sequence[_Curve]
    across: Sequence[tuple[float, str]]
    up: Sequence[tuple[float, str]]


def curves_of(title: str, runs: Sequence[Losses]) -> CurvePlot | None:
    """A plot of the runs that have losses; None if none has."""
    epochs = [epoch for run in runs for epoch, _ in run.points]
    losses = [loss for run in runs for _, loss in run.points]
    if not epochs:
        return None
    least, most, last = min(losses), max(losses), max(epochs)

    def x(epoch: float) -> float:
        return round(MARGIN + (epoch - 1) / max(1, last - 1) * (WIDTH - 2 * MARGIN), 1)

    def y(loss: float) -> float:
        return round(HEIGHT - MARGIN - (loss - least) / ((most - least) or 1.0) * (HEIGHT - 2 * MARGIN), 1)

    curves = [
        _Curve(run.label, COLOURS[i % len(COLOURS)], DASHES[i // len(COLOURS) % len(DASHES)],
               [(x(epoch), y(loss)) for epoch, loss in run.points])
        for i, run in enumerate(runs)
    ]  # fmt: skip
    across = [(x(epoch), str(epoch)) for epoch in sorted({1 + (last - 1) * step // 4 for step in range(5)})]
    up = [(y(loss), f"{loss:.2f}") for loss in (least + (most - least) * step / 4 for step in range(5))]
    return CurvePlot(title, curves, across, up)


def write_comparison_page(
    path: Path, facts: PageTable, curves: Sequence[CurvePlot], table: Table | None, notes: Sequence[str]
) -> None:
    """Write the page, whole or not at all.

    Args:
        path: of the HTML file.
        facts: a line a run.
        curves: of their losses.
        table: of what they play, if they were evaluated.
        notes: what is left out.

    Raises:
        UserError: if it cannot be written.
    """
    write_html(path, render_template(
        "comparison.html", title=TITLE, facts=facts, curves=curves, plots=plots_of(table) if table else [],
        tables=tables_of(to_json(table)) if table else [], notes=notes, width=WIDTH, left=LEFT, height=HEIGHT,
        margin=MARGIN,
    ))  # fmt: skip

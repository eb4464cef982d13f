"""Table 1 as a page: plots of means with their intervals, tables, rows by instrument, the best and the worst takes."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import soundfile

from ..evaluation.table import Column, Line, Table, row_label
from ..evaluation.table_formats import PAPER_NOTE, extremes, to_json
from ..evaluation.takes import Takes
from . import embedding
from .content import PageTable, score_text, tables_of
from .shell import render_template, write_html

WIDTH, ROW_HEIGHT, LEFT, RIGHT = 760, 26, 250, 30  # of a plot, in pixels: its labels stand left, its scale between
SHOWN = 2  # takes at either end of a row
TITLE = "Music Orchestrator: Table 1"


@dataclass(frozen=True)
class Mark:
    """A row of a plot: places in pixels."""

    label: str
    row: str
    y: float
    mean: float
    low: float
    high: float
    text: str


@dataclass(frozen=True)
class Plot:
    """Means and intervals of one metric under one policy; `ticks` are places and numbers."""

    title: str
    height: int
    marks: Sequence[Mark]
    ticks: Sequence[tuple[float, str]]


@dataclass(frozen=True)
class _Heard:
    """A take that is heard, and why."""

    title: str
    instruments: Sequence[str]
    note: str
    audio: str


def write_table_page(path: Path, table: Table, takes: Takes) -> None:
    """Write the page of a table, with the takes that it names, whole or not at all.

    Args:
        path: of the HTML file.
        table: what is shown.
        takes: where its models' takes are kept.

    Raises:
        UserError: if a take is torn, or the page cannot be written.
    """
    write_html(path, render_template(
        "table.html", title=TITLE, plots=plots_of(table), tables=tables_of(to_json(table)),
        parts=list(_parts(table)), heard=list(_heard(table, takes)), facts=table.about, note=PAPER_NOTE, width=WIDTH,
        left=LEFT, right=WIDTH - RIGHT,
    ))  # fmt: skip


def plots_of(table: Table) -> list[Plot]:
    """A plot of each metric under each policy that has any rows."""
    plots = [_plot(table, policy, column) for policy in table.policies for column in table.columns]
    return [plot for plot in plots if plot.marks]


def _plot(table: Table, policy: str, column: Column) -> Plot:
    lines = [
        line for line in table.lines
        if line.policy == policy and column.name in line.intervals and math.isfinite(line.intervals[column.name].mean)
    ]  # fmt: skip
    bounds = [bound for line in lines for bound in _bounds(line, column)]
    least, most = (min(bounds), max(bounds)) if bounds else (0.0, 1.0)
    scale = (WIDTH - LEFT - RIGHT) / ((most - least) or 1.0)

    def place(value: float) -> float:
        return round(LEFT + (value - least) * scale, 1)

    def mark(number: int, line: Line) -> Mark:
        mean, (low, high) = line.intervals[column.name].mean, _bounds(line, column)
        y = ROW_HEIGHT * (number + 1)
        return Mark(line.label, line.row, y, place(mean), place(low), place(high), line.text(column.name))

    marks = [mark(number, line) for number, line in enumerate(lines)]
    ticks = [(place(value), f"{value:.2f}") for value in (least + (most - least) * step / 4 for step in range(5))]
    return Plot(f"{column.heading}, reference by policy “{policy}”", ROW_HEIGHT * (len(lines) + 2), marks, ticks)


def _bounds(line: Line, column: Column) -> tuple[float, float]:
    interval = line.intervals[column.name]
    return (interval.low, interval.high) if math.isfinite(interval.low) else (interval.mean, interval.mean)


def _parts(table: Table) -> Iterator[PageTable]:
    """Rows of models by kind of item and by instrument, for the last policy, with description."""
    policy = table.policies[-1]
    for by in ("kind", "instrument"):
        parts = [part for part in table.parts if part.by == by and part.line.policy == policy and _shown(part.line)]
        head = ("", "clips", *(column.heading for column in table.columns))
        rows = [
            (f"{part.value}: {part.line.label}", str(max((i.n for i in part.line.intervals.values()), default=0)),
             *(part.line.text(column.name) for column in table.columns))
            for part in sorted(parts, key=lambda part: part.value)
        ]  # fmt: skip
        if rows:
            yield PageTable(f"By {by}, reference by policy “{policy}”", head, rows)


def _shown(line: Line) -> bool:
    return line.prompting == "with" or line.row in ("target", "ceiling")


def _heard(table: Table, takes: Takes) -> Iterator[_Heard]:
    labels = {column.name: column.heading for column in table.columns}
    for one in extremes(table, SHOWN):
        if one["prompting"] == "with" and one["policy"] == table.policies[-1] and one["audio"]:
            wav, rate = soundfile.read(takes.path(one["audio"]), dtype="float32")
            audio = embedding.data_url("audio/mpeg", embedding.mp3(wav, rate))
            yield _Heard(_title(one, labels), one["instruments"], _note(one), audio)


def _title(one: dict[str, Any], labels: dict[str, str]) -> str:
    return f"{row_label(one['row'], '')}, {one['which']} by {labels[one['metric']]}: {score_text(one['score'])}"


def _note(one: dict[str, Any]) -> str:
    return f"{one['item']}, from {one['start']:.1f} s, take {one['take'] + 1}"

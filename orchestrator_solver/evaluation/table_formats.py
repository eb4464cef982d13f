"""The table as text, Markdown, CSV and JSON."""

import csv
import io
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from dataset_builder.runtime import atomic

from ..metrics.bootstrap import Interval
from .rows import ROWS
from .table import Difference, Line, Table

# Table 1 of the paper, for orientation.
PAPER: tuple[tuple[str, float, float, float], ...] = (
    ("MusicGen Melody (w/o description)", 0.615, 1.380, 0.148),
    ("Music Orchestrator (w/o description)", 0.597, 0.780, 0.155),
    ("MusicGen Melody (w description)", 0.625, 1.467, 0.208),
    ("Music Orchestrator (w description)", 0.603, 0.766, 0.214),
)
PAPER_COLUMNS = ("SIM ↑", "KL(PaSST) ↓", "CLAP ↑")
PAPER_NOTE = (
    "The paper's Table 1, for orientation only and not comparable: other models (MusicGen Melody 1.5B), other data "
    "(Slakh2100), other networks behind KL and CLAP, and SIM over all frames."
)
_CSV_HEAD = (
    "part", "policy", "row", "prompting", "against", "against_prompting", "metric", "mean", "low", "high", "clips",
    "works", "undefined",
)  # fmt: skip
_REFERENCE = {"self": "the target itself", "stem": "a melody-bearing stem of the same track"}


def to_text(table: Table) -> str:
    """For the terminal, in aligned columns."""
    return _document(table, _aligned, heading=lambda title: f"{title}\n{'-' * len(title)}")


def to_markdown(table: Table) -> str:
    """For README and reports."""
    return _document(table, _piped, heading=lambda title: f"### {title}")


def to_csv(table: Table) -> str:
    """One line a number: `part` is `mean` or `difference`; for a difference `row` is left, `against` is right."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_CSV_HEAD)
    for line in table.lines:
        for name, interval in line.intervals.items():
            writer.writerow(["mean", line.policy, line.row, line.prompting, "", "", name, *_numbers(interval)])
    for difference in table.differences:
        for name, interval in difference.intervals.items():
            sides = [*difference.left, *difference.right]
            writer.writerow(["difference", difference.policy, *sides, name, *_numbers(interval)])
    return out.getvalue()


def to_json(table: Table) -> dict:
    """A JSON object; a number that is not defined is null."""
    return {
        "about": table.about,
        "columns": [asdict(column) for column in table.columns],
        "lines": [_plain(line) for line in table.lines],
        "differences": [_plain(difference) for difference in table.differences],
        "paper": {"note": PAPER_NOTE, "columns": list(PAPER_COLUMNS), "rows": [list(row) for row in PAPER]},
    }


def write(table: Table, folder: Path, name: str = "table1") -> list[Path]:
    """Writes `name`.txt, .md, .csv and .json into `folder`, each whole or not at all, and returns their paths."""
    paths = [folder / f"{name}.{ending}" for ending in ("txt", "md", "csv", "json")]
    for path, text in zip(paths, (to_text(table), to_markdown(table), to_csv(table)), strict=False):
        atomic.write_text(path, text)
    atomic.write_json(paths[-1], to_json(table))
    return paths


_Grid = Callable[[list[list[str]]], str]


def _document(table: Table, grid: _Grid, heading: Callable[[str], str]) -> str:
    parts = []
    for policy in table.policies:
        lines = [line for line in table.lines if line.policy == policy]
        differences = [difference for difference in table.differences if difference.policy == policy]
        title = f"Reference: {_REFERENCE.get(policy, policy)} (policy {policy}), {_size(lines)}"
        parts += [heading(title), _grid_of(table, lines, grid, signed=False)]
        if differences:
            parts += [f"Paired differences, starred where the interval excludes 0 (policy {policy}):"]
            parts += [_grid_of(table, differences, grid, signed=True)]
    parts += [f"Means with 95 % bootstrap intervals over works. {_explanations(table)}"]
    parts += [PAPER_NOTE, grid([["", *PAPER_COLUMNS], *([label, *(f"{n:.3f}" for n in row)] for label, *row in PAPER)])]
    return "\n\n".join(parts) + "\n"


def _grid_of(table: Table, lines: list[Line] | list[Difference], grid: _Grid, signed: bool) -> str:
    body = [[line.label, *(line.intervals[c.name].text(signed) for c in table.columns)] for line in lines]
    return grid([["", *(column.heading for column in table.columns)], *body])


def _size(lines: list[Line]) -> str:
    intervals = [interval for line in lines for interval in line.intervals.values()]
    clips = max((interval.n for interval in intervals), default=0)
    works = max((interval.groups for interval in intervals), default=0)
    return f"{clips} clips of {works} works"


def _explanations(table: Table) -> str:
    shown = dict.fromkeys(line.row for line in table.lines)
    rows = " ".join(f"{ROWS[row].label}: {ROWS[row].explanation}." for row in shown)
    missing = {
        column.label: max(line.intervals[column.name].undefined for line in table.lines) for column in table.columns
    }
    left_out = ", ".join(f"{label} {count}" for label, count in missing.items() if count)
    return rows + (f" Clips without a defined score, at most a row: {left_out}." if left_out else "")


def _aligned(rows: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def _piped(rows: list[list[str]]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def _numbers(interval: Interval) -> list[str]:
    numbers = [f"{x:.6f}" if math.isfinite(x) else "" for x in (interval.mean, interval.low, interval.high)]
    return [*numbers, str(interval.n), str(interval.groups), str(interval.undefined)]


def _plain(line: Line | Difference) -> dict:
    intervals = {name: interval.to_json() for name, interval in line.intervals.items()}
    return {**asdict(line), "intervals": intervals, "label": line.label}

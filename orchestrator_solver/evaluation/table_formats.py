"""The table as text, Markdown, LaTeX, CSV and JSON."""

import csv
import io
import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from dataset_builder.runtime import atomic

from ..statistics.bootstrap import Interval
from ..statistics.significance import works_needed
from .clip_records import write_clips
from .rows import ClipScores, kind_of
from .table import Column, Difference, Line, Table

# Table 1 of the paper, for orientation.
PAPER: tuple[tuple[str, float, float, float], ...] = (
    ("MusicGen Melody (w/o description)", 0.615, 1.380, 0.148),
    ("Music Orchestrator (w/o description)", 0.597, 0.780, 0.155),
    ("MusicGen Melody (w description)", 0.625, 1.467, 0.208),
    ("Music Orchestrator (w description)", 0.603, 0.766, 0.214),
)
PAPER_COLUMNS = ("SIM ↑", "KL(PaSST) ↓", "CLAP ↑")
PAPER_NOTE = (
    "The paper's Table 1, for orientation: MusicGen Melody 1.5B before and after, Slakh2100, the target as its own "
    "reference. Comparable are, at most, columns of the same name in rows of policy self of the same models and data: "
    "its excerpts, their length and its seeds are not published."
)
_CSV_HEAD = (
    "part", "policy", "row", "prompting", "against", "against_prompting", "metric", "mean", "low", "high", "clips",
    "works", "undefined", "p", "p_corrected", "detectable", "by", "value",
)  # fmt: skip
_REFERENCE = {
    "self": "the target itself", "stem": "a melody-bearing stem of the same track",
    "any": "what carries most melody of the same track", "apart": "what shares no stem with the target",
}  # fmt: skip


def to_text(table: Table) -> str:
    """For the terminal, in aligned columns."""
    return _document(table, aligned, heading=lambda title: f"{title}\n{'-' * len(title)}")


def to_markdown(table: Table) -> str:
    """For README and reports."""
    return _document(table, _piped, heading=lambda title: f"### {title}")


def to_latex(table: Table) -> str:
    """For a paper: a `tabular` a policy, for the package booktabs; differences that are significant are starred."""
    tables = []
    for policy in table.policies:
        lines = [line for line in table.lines if line.policy == policy]
        differences = [difference for difference in table.differences if difference.policy == policy]
        body = [*_cells_of(table, lines), [], *_cells_of(table, differences)]
        rows = "\n".join(r"\midrule" if not cells else " & ".join(map(_tex, cells)) + r" \\" for cells in body)
        head = " & ".join(["", *(_tex(column.heading) for column in table.columns)])
        columns = "l" + "c" * len(table.columns)
        tables.append(
            f"% Reference: {_REFERENCE.get(policy, policy)}\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n"
            f"{head} \\\\\n\\midrule\n{rows}\n\\bottomrule\n\\end{{tabular}}\n"
        )
    return "\n".join(tables)


_TEX = {"&": r"\&", "%": r"\%", "_": r"\_", "#": r"\#", "$": r"\$", "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}", "\\": r"\textbackslash{}", "↑": r"$\uparrow$", "↓": r"$\downarrow$", "−": "$-$",
        "*": "$^{*}$"}  # fmt: skip


def _tex(text: str) -> str:
    return "".join(_TEX.get(letter, letter) for letter in text)


def to_csv(table: Table) -> str:
    """One line a number: `part` is `mean` or `difference`; for a difference `row` is left, `against` is right.

    Lines of `part` have means over a kind of items or an instrument: `by` says which, `value` names it.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_CSV_HEAD)
    for line in table.lines:
        writer.writerows(["mean", *_named(line), name, *_numbers(one)] for name, one in line.intervals.items())
    for difference in table.differences:
        sides = [difference.policy, *difference.left, *difference.right]
        for name, interval in difference.intervals.items():
            test = difference.tests[name]
            tested = [_number(value) for value in (test.p, test.corrected, test.detectable)]
            writer.writerow(["difference", *sides, name, *_numbers(interval), *tested])
    for part in table.parts:
        for name, one in part.line.intervals.items():
            writer.writerow(["part", *_named(part.line), name, *_numbers(one), "", "", "", part.by, part.value])
    return out.getvalue()


def _named(line: Line) -> list[str]:
    return [line.policy, line.row, line.prompting, "", ""]


def to_json(table: Table) -> dict:
    """A JSON object; a number that is not defined is null."""
    return {
        "about": table.about,
        "columns": [asdict(column) for column in table.columns],
        "lines": [_plain(line) for line in table.lines],
        "differences": [_plain_difference(difference) for difference in table.differences],
        "parts": [{"by": part.by, "value": part.value, **_plain(part.line)} for part in table.parts],
        "extremes": extremes(table),
        "paper": {"note": PAPER_NOTE, "columns": list(PAPER_COLUMNS), "rows": [list(row) for row in PAPER]},
    }


def write(table: Table, folder: Path, name: str = "table1") -> list[Path]:
    """Writes `name`.txt, .md, .tex, .csv and .json into `folder`, each whole or not at all, and returns their paths.

    The last is `name`_clips.json, of what models played clip by clip.
    """
    texts = {"txt": to_text, "md": to_markdown, "tex": to_latex, "csv": to_csv}
    for ending, text in texts.items():
        atomic.write_text(folder / f"{name}.{ending}", text(table))
    atomic.write_json(folder / f"{name}.json", to_json(table))
    write_clips(folder / f"{name}_clips.json", table)
    return [folder / f"{name}{ending}" for ending in (*(f".{text}" for text in texts), ".json", "_clips.json")]


def extremes(table: Table, count: int = 3) -> list[dict[str, Any]]:
    """The best and the worst clips of every model's row by every metric, with their takes."""
    found = []
    for line in table.lines:
        mine = [c for c in table.clips if (c.row, c.prompting, c.policy) == (line.row, line.prompting, line.policy)]
        for column in table.columns if kind_of(line.row).prompted else ():
            scored = [clip for clip in mine if math.isfinite(clip.scores.get(column.name, math.nan))]
            ordered = sorted(scored, key=lambda clip: clip.scores[column.name], reverse=column.higher_is_better)
            for which, clips in (("best", ordered[:count]), ("worst", ordered[::-1][:count])):
                found += [_extreme(column, which, line, clip) for clip in clips]
    return found


def _extreme(column: Column, which: str, line: Line, clip: ClipScores) -> dict[str, Any]:
    return {
        "metric": column.name, "which": which, "row": line.row, "prompting": line.prompting, "policy": line.policy,
        "score": clip.scores[column.name], "item": clip.item, "start": clip.start, "take": clip.take,
        "instruments": list(clip.instruments), "audio": clip.audio,
    }  # fmt: skip


_Grid = Callable[[list[list[str]]], str]


def _document(table: Table, grid: _Grid, heading: Callable[[str], str]) -> str:
    parts = []
    for policy in table.policies:
        lines = [line for line in table.lines if line.policy == policy]
        differences = [difference for difference in table.differences if difference.policy == policy]
        title = f"Reference: {_REFERENCE.get(policy, policy)} (policy {policy}), {_size(lines)}"
        head = ["", *(column.heading for column in table.columns)]
        parts += [heading(title), grid([head, *_cells_of(table, lines)])]
        if differences:
            parts += [f"Paired differences (policy {policy}), starred where p < 0.05 after correction:"]
            parts += [grid([head, *_cells_of(table, differences)])]
    parts += [f"Means with 95 % bootstrap intervals over works{_of_takes(table)}. {_explanations(table)}"]
    if table.differences:
        parts += [_tests(table)]
    if told := ", ".join(f"{name}: {value}" for name, value in table.about.items() if not isinstance(value, dict)):
        parts += [f"Made of {told}."]
    parts += [PAPER_NOTE, grid([["", *PAPER_COLUMNS], *([label, *(f"{n:.3f}" for n in row)] for label, *row in PAPER)])]
    return "\n\n".join(parts) + "\n"


def _cells_of(table: Table, lines: Sequence[Line | Difference]) -> list[list[str]]:
    return [[line.label, *(line.text(column.name) for column in table.columns)] for line in lines]


def _of_takes(table: Table) -> str:
    return " and seeds" if any(clip.take for clip in table.clips) else ""


def _tests(table: Table) -> str:
    """How differences were tested, and the least that each metric can show."""
    count = sum(len(difference.tests) for difference in table.differences)
    least = {
        column.label: [d.tests[column.name].detectable for d in table.differences if column.name in d.tests]
        for column in table.columns
    }
    shown = ", ".join(f"{label} {max(known):.3f}" for label, values in least.items() if (known := _finite(values)))
    works = max((i.groups for d in table.differences for i in d.intervals.values()), default=0)
    half = works_needed(2.0, works, 1.0)
    seen = (
        f" Differences that {works} works show in 80 of 100 evaluations: {shown}; half as large ones need {half} works."
        if shown else ""
    )  # fmt: skip
    return f"p-values by flipping signs of whole works, corrected for {count} tests (Holm).{seen}"


def _finite(values: Sequence[float]) -> list[float]:
    return [value for value in values if math.isfinite(value)]


def _size(lines: list[Line]) -> str:
    intervals = [interval for line in lines for interval in line.intervals.values()]
    clips = max((interval.n for interval in intervals), default=0)
    works = max((interval.groups for interval in intervals), default=0)
    return f"{clips} clips of {works} works"


def _explanations(table: Table) -> str:
    shown = dict.fromkeys(line.row for line in table.lines)
    rows = " ".join(f"{kind_of(row).label}: {kind_of(row).explanation}." for row in shown)
    missing = {
        column.label: max(line.intervals[column.name].undefined for line in table.lines) for column in table.columns
    }
    left_out = ", ".join(f"{label} {count}" for label, count in missing.items() if count)
    return rows + (f" Clips without a defined score, at most a row: {left_out}." if left_out else "")


def aligned(rows: list[list[str]]) -> str:
    """Rows of cells in columns of even width."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join(lines)


def _piped(rows: list[list[str]]) -> str:
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, "|" + "---|" * len(rows[0]), *body])


def _numbers(interval: Interval) -> list[str]:
    numbers = [_number(value) for value in (interval.mean, interval.low, interval.high)]
    return [*numbers, str(interval.n), str(interval.groups), str(interval.undefined)]


def _number(value: float) -> str:
    return f"{value:.6f}" if math.isfinite(value) else ""


def _plain(line: Line | Difference) -> dict:
    intervals = {name: interval.to_json() for name, interval in line.intervals.items()}
    return {**asdict(line), "intervals": intervals, "label": line.label}


def _plain_difference(difference: Difference) -> dict:
    return {**_plain(difference), "tests": {name: test.to_json() for name, test in difference.tests.items()}}

"""What a listening page shows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..evaluation.table import Column
from ..statistics.bootstrap import Interval
from ..statistics.significance import LEVEL

UNDEFINED = "–"


@dataclass(frozen=True)
class Take:
    """One recording of an excerpt, with a player of its own.

    Attributes:
        role: `reference`, `target`, or the row of Table 1 that played it (`baseline`, `finetuned`); decides the colour.
        label: heading, such as `Fine-tuned (w description)`.
        wav: float `[T]` mono, within -1..1.
        sample_rate: in Hz.
        scores: by heading (`SIM ↑`), NaN where not defined; empty for what is not scored.
    """

    role: str
    label: str
    wav: np.ndarray
    sample_rate: int
    scores: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class PageExcerpt:
    """A held-out excerpt as everybody played it.

    Attributes:
        title: of the piece.
        instruments: that were asked for.
        prompts: by what they are called (`Without description`).
        takes: in the order of reading.
        note: about the excerpt, such as its place in the piece.
    """

    title: str
    instruments: Sequence[str]
    prompts: Mapping[str, str]
    takes: Sequence[Take]
    note: str = ""


@dataclass(frozen=True)
class PageTable:
    """A table of text; the first column heads the rows."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


def tables_of(record: Mapping[str, Any]) -> tuple[PageTable, ...]:
    """The tables of what `evaluation.table_formats.to_json` wrote: means and differences by policy."""
    columns = [Column(**column) for column in record["columns"]]
    head = ("", *(column.heading for column in columns))
    tables = []
    for policy in dict.fromkeys(line["policy"] for line in record["lines"]):
        for part, title, signed in (("lines", "Means", False), ("differences", "Paired differences", True)):
            rows = [_row(line, columns, signed) for line in record[part] if line["policy"] == policy]
            if rows:
                note = "Starred where p < 0.05 after correction for all tests." if signed else ""
                tables.append(PageTable(f"{title}, reference by policy “{policy}”", head, rows, note))
    return tuple(tables)


def _row(line: Mapping[str, Any], columns: Sequence[Column], signed: bool) -> tuple[str, ...]:
    return (line["label"], *(_cell(line, column.name, signed) for column in columns))


def _cell(line: Mapping[str, Any], name: str, signed: bool) -> str:
    if name not in line["intervals"]:  # a metric of whole sets, which has no pairs
        return UNDEFINED
    text = Interval.from_json(line["intervals"][name]).text(signed, UNDEFINED)
    corrected = line["tests"][name]["corrected"] if signed else None
    return text + (" *" if corrected is not None and corrected < LEVEL else "")


def score_text(value: float | None) -> str:
    """Three decimals, a dash where not defined."""
    return UNDEFINED if value is None or not math.isfinite(value) else f"{value:.3f}"

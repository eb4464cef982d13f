"""What a listening page shows."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np


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
    """The tables of what `evaluation.rendering.to_json` wrote: means and differences by policy."""
    columns = [(c["name"], f"{c['label']} {'↑' if c['higher_is_better'] else '↓'}") for c in record["columns"]]
    head = ("", *(label for _, label in columns))
    tables = []
    for policy in dict.fromkeys(line["policy"] for line in record["lines"]):
        for part, title, signed in (("lines", "Means", False), ("differences", "Paired differences", True)):
            rows = [
                (line["label"], *(cell(line["intervals"][name], signed) for name, _ in columns))
                for line in record[part]
                if line["policy"] == policy
            ]
            if rows:
                note = "Starred where the interval excludes 0." if signed else ""
                tables.append(PageTable(f"{title}, reference by policy “{policy}”", head, rows, note))
    return tuple(tables)


def cell(interval: Mapping[str, Any], signed: bool = False) -> str:
    """`0.512 [0.480, 0.544]`; a difference carries its sign, and a star where the interval excludes 0."""
    mean, low, high = (interval[bound] for bound in ("mean", "low", "high"))
    if mean is None:
        return "–"
    sign = "+" if signed else ""
    if low is None or high is None:
        return f"{mean:{sign}.3f} (one work)"
    star = " *" if signed and low * high > 0 else ""
    return f"{mean:{sign}.3f} [{low:{sign}.3f}, {high:{sign}.3f}]{star}"


def score_text(value: float | None) -> str:
    """Three decimals, a dash where not defined."""
    return "–" if value is None or not math.isfinite(value) else f"{value:.3f}"

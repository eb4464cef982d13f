"""The report as one HTML file: a table and bar charts as SVG, with nothing from elsewhere."""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from ..music.key import spoken_key
from .report import KINDS, NO_KEY, Report

_MOST_BARS = 40
_ROW, _LABEL, _BAR, _VALUE = 22, 190, 320, 70  # of a chart, in its own units: height of a row, widths


@dataclass(frozen=True)
class _Row:
    """A bar: what it stands for, how much, as text, and where it is drawn."""

    label: str
    value: str
    width: float
    top: int


@dataclass(frozen=True)
class _Chart:
    """A bar chart."""

    id: str
    title: str
    note: str
    rows: tuple[_Row, ...]

    label_width, bar_width, row_height, width = _LABEL, _BAR, _ROW, _LABEL + _BAR + _VALUE

    @property
    def height(self) -> int:
        return _ROW * len(self.rows)


def page(report: Report) -> str:
    """The report's HTML."""
    environment = _environment()
    assert environment.loader is not None
    style = environment.loader.get_source(environment, "report.css")[0].strip()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("report.html").render(
        report=report, kinds=KINDS, charts=_charts(report), style=Markup(style),
        policy=f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'",
    )  # fmt: skip


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("dataset_builder", "dataset/templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip


def _charts(report: Report) -> list[_Chart]:
    keys = {key if key == NO_KEY else spoken_key(key): count for key, count in report.keys.items()}
    shares = {kind: share * 100 for kind, share in report.silent.items()}
    charts = [
        _chart("instruments", "Instruments", "items in which each sounds", report.instruments),
        _chart("tempo", "Tempo", "tracks by quarter notes a minute", report.tempi),
        _chart("key", "Key", "tracks by key; none: nothing in the track has pitch", keys),
        _chart("words", "Length of descriptions", "items by words", report.words),
        _chart("silent", "Silence", "share of the items' time in which nothing sounds", shares, "{:.1f} %", 100.0),
    ]
    return [chart for chart in charts if chart.rows]


def _chart(
    name: str, title: str, note: str, values: Mapping[str, float], pattern: str = "{:,}", most: float | None = None
) -> _Chart:
    """A chart of values by label; `most` is what a full bar stands for, by default the largest value."""
    shown = list(values.items())[:_MOST_BARS]
    if len(values) > len(shown):
        note += f"; {len(values) - len(shown)} more are not shown"
    full = most or max(values.values(), default=1) or 1
    rows = [
        _Row(label, pattern.format(value), round(_BAR * value / full, 1), _ROW * index)
        for index, (label, value) in enumerate(shown)
    ]
    return _Chart(name, title, note, tuple(rows))

"""Table 1: means of clip scores with 95 % intervals over works, and paired differences between rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..metrics.clips import ClipMetric, SetMetric
from ..statistics.bootstrap import Interval
from ..statistics.significance import Test
from .rows import ClipScores, kind_of


@dataclass(frozen=True)
class Column:
    """A metric as the table shows it: `name` in the configuration, `label` of the heading, and its direction."""

    name: str
    label: str
    higher_is_better: bool

    @property
    def heading(self) -> str:
        """The label with an arrow that points to what is better."""
        return f"{self.label} {'↑' if self.higher_is_better else '↓'}"


@dataclass(frozen=True)
class Line:
    """One row of the table under one policy: `intervals` by metric name."""

    row: str
    prompting: str
    policy: str
    intervals: dict[str, Interval]

    @property
    def label(self) -> str:
        """What the table prints before it."""
        return row_label(self.row, self.prompting)

    def text(self, name: str) -> str:
        """A metric's mean with its interval."""
        return self.intervals[name].text() if name in self.intervals else "-"


@dataclass(frozen=True)
class Difference:
    """Paired difference of two rows on the same clips (`left` minus `right`, each a row and a prompting).

    `intervals` and `tests` are by metric name; a metric of whole sets (FAD) has no pairs and is in neither.
    """

    left: tuple[str, str]
    right: tuple[str, str]
    policy: str
    intervals: dict[str, Interval]
    tests: dict[str, Test]

    def text(self, name: str) -> str:
        """A metric's difference with its interval, starred where it is significant after correction."""
        if name not in self.intervals:
            return "-"
        star = " *" if self.tests[name].significant else ""
        return self.intervals[name].text(signed=True) + star

    @property
    def label(self) -> str:
        """What the table prints before it."""
        return f"{row_label(*self.left)} − {row_label(*self.right)}"


@dataclass(frozen=True)
class Part:
    """A row's means over some of its clips: `by` is kind or instrument, `value` which."""

    by: str
    value: str
    line: Line


@dataclass(frozen=True)
class Table:
    """Everything that is printed and written.

    Attributes:
        columns: metrics, in order.
        lines: by policy, then in the order of `rows.in_order`.
        differences: by policy.
        parts: the same rows by kind of item and by instrument that was asked for.
        clips: everything that the table is made of.
        about: how the numbers came about (models, data set, excerpts, seconds, seeds), for the reader and for JSON.
    """

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    differences: tuple[Difference, ...]
    parts: tuple[Part, ...] = ()
    clips: tuple[ClipScores, ...] = ()
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def policies(self) -> tuple[str, ...]:
        """References that were played from, in order."""
        return tuple(dict.fromkeys(line.policy for line in self.lines))

    def line(self, row: str, prompting: str, policy: str) -> Line:
        """The line asked for; KeyError when the table has none."""
        for line in self.lines:
            if (line.row, line.prompting, line.policy) == (row, prompting, policy):
                return line
        raise KeyError((row, prompting, policy))

    def difference(self, left: tuple[str, str], right: tuple[str, str], policy: str) -> Difference:
        """The difference asked for; KeyError when the table has none."""
        for difference in self.differences:
            if (difference.left, difference.right, difference.policy) == (left, right, policy):
                return difference
        raise KeyError((left, right, policy))


def columns_of(metrics: Mapping[str, ClipMetric | SetMetric]) -> tuple[Column, ...]:
    """Columns for `registry.build_metrics`' result."""
    return tuple(Column(name, metric.label, metric.higher_is_better) for name, metric in metrics.items())


def row_label(row: str, prompting: str) -> str:
    """`Fine-tuned (w/o description)`, as the paper writes its rows."""
    suffix = {"without": " (w/o description)", "with": " (w description)"}.get(prompting, "")
    return kind_of(row).label + suffix

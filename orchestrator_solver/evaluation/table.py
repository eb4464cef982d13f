"""Table 1: means of clip scores with 95 % intervals over works, and paired differences between rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..metrics.bootstrap import Interval, bootstrap, paired_bootstrap
from ..metrics.clips import ClipMetric
from .rows import PROMPTINGS, ROWS, ClipScores

# Which rows are compared under the same prompting: the first minus the second.
PAIRS: tuple[tuple[str, str], ...] = (
    ("finetuned", "baseline"), ("finetuned", "control"), ("control", "baseline"), ("shipped", "baseline"),
)  # fmt: skip


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


@dataclass(frozen=True)
class Difference:
    """Paired difference of two rows on the same clips (`left` minus `right`, each a row and a prompting)."""

    left: tuple[str, str]
    right: tuple[str, str]
    policy: str
    intervals: dict[str, Interval]

    @property
    def label(self) -> str:
        """What the table prints before it."""
        return f"{row_label(*self.left)} − {row_label(*self.right)}"


@dataclass(frozen=True)
class Table:
    """Everything that is printed and written.

    Attributes:
        columns: metrics, in order.
        lines: by policy, then in the order of `ROWS`.
        differences: by policy.
        about: how the numbers came about (models, data set, excerpts, seconds, seeds), for the reader and for JSON.
    """

    columns: tuple[Column, ...]
    lines: tuple[Line, ...]
    differences: tuple[Difference, ...]
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


def columns_of(metrics: Mapping[str, ClipMetric]) -> tuple[Column, ...]:
    """Columns for `registry.build_metrics`' result."""
    return tuple(Column(name, metric.label, metric.higher_is_better) for name, metric in metrics.items())


def row_label(row: str, prompting: str) -> str:
    """`Fine-tuned (w/o description)`, as the paper writes its rows."""
    suffix = {"without": " (w/o description)", "with": " (w description)"}.get(prompting, "")
    return ROWS[row].label + suffix


def tabulate(
    scores: Iterable[ClipScores],
    columns: Sequence[Column],
    seed: int = 0,
    resamples: int = 10_000,
    about: dict[str, Any] | None = None,
) -> Table:
    """The table of `scores`, whatever rows and policies they hold; rows that are absent are left out.

    Args:
        scores: of clips, in any order.
        columns: metrics to show; each must be in every clip's scores.
        seed: of the bootstrap. All intervals use the same draws, so that the table is reproducible cell by cell.
        resamples: of the bootstrap.
        about: kept with the table.

    Raises:
        ValueError: a clip is there twice in one row, or names an unknown row.
    """
    cells = _cells(scores)
    policies = tuple(dict.fromkeys(policy for _, _, policy in cells))
    lines, differences = [], []
    for policy in policies:
        for row, prompting in _line_order():
            clips = cells.get((row, prompting, policy))
            if clips:
                intervals = {c.name: _mean(clips, c.name, seed, resamples) for c in columns}
                lines.append(Line(row, prompting, policy, intervals))
        for left, right in _pair_order():
            ours, theirs = cells.get((*left, policy)), cells.get((*right, policy))
            if ours and theirs:
                intervals = {c.name: _paired(ours, theirs, c.name, seed, resamples) for c in columns}
                differences.append(Difference(left, right, policy, intervals))
    return Table(tuple(columns), tuple(lines), tuple(differences), about or {})


_Clips = dict[tuple[str, float], ClipScores]


def _cells(scores: Iterable[ClipScores]) -> dict[tuple[str, str, str], _Clips]:
    cells: dict[tuple[str, str, str], _Clips] = {}
    for clip in scores:
        if clip.row not in ROWS:
            raise ValueError(f"unknown row {clip.row!r}: expected one of {', '.join(ROWS)}")
        cell = cells.setdefault((clip.row, clip.prompting, clip.policy), {})
        if clip.clip in cell:
            raise ValueError(f"clip {clip.clip} is there twice in row {clip.row}, {clip.prompting}, {clip.policy}")
        cell[clip.clip] = clip
    return cells


def _line_order() -> Iterator[tuple[str, str]]:
    """As in the paper's Table 1: without description first, then with; the anchors last."""
    for prompting in PROMPTINGS:
        yield from ((row, prompting) for row, kind in ROWS.items() if kind.prompted)
    yield from ((row, "") for row, kind in ROWS.items() if not kind.prompted)


def _pair_order() -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    for prompting in PROMPTINGS:
        yield from (((left, prompting), (right, prompting)) for left, right in PAIRS)
    yield from (((row, "with"), (row, "without")) for row, kind in ROWS.items() if kind.prompted)


def _mean(clips: _Clips, metric: str, seed: int, resamples: int) -> Interval:
    values, works = [clip.scores[metric] for clip in clips.values()], [clip.work for clip in clips.values()]
    return bootstrap(values, works, seed, resamples)


def _paired(left: _Clips, right: _Clips, metric: str, seed: int, resamples: int) -> Interval:
    """Over the clips that both rows hold; a run that was stopped may have left one row shorter."""
    both = [key for key in left if key in right]
    return paired_bootstrap(
        [left[key].scores[metric] for key in both],
        [right[key].scores[metric] for key in both],
        [left[key].work for key in both],
        seed,
        resamples,
    )

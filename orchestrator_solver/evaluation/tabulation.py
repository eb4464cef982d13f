"""From scores of clips to Table 1."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ..statistics.bootstrap import Interval, bootstrap, paired_bootstrap
from ..statistics.significance import Test, detectable, holm, sign_flip
from .rows import MODELS, PROMPTINGS, ClipScores, in_order, kind_of
from .table import Column, Difference, Line, Part, Table

# Which rows are compared under the same prompting: the first minus the second. Other models are, with these two.
PAIRS: tuple[tuple[str, str], ...] = (
    ("finetuned", "baseline"), ("finetuned", "control"), ("control", "baseline"), ("shipped", "baseline"),
)  # fmt: skip
Key = tuple[str, str, str]  # row, prompting, policy
_Clips = dict[tuple[str, float, int], ClipScores]


def tabulate(
    scores: Iterable[ClipScores], columns: Sequence[Column], seed: int = 0, resamples: int = 10_000,
    about: dict[str, Any] | None = None, of_sets: Mapping[Key, Mapping[str, Interval]] | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
) -> Table:  # fmt: skip
    """The table of `scores`, whatever rows and policies they hold; rows that are absent are left out.

    Args:
        scores: of clips, in any order.
        columns: metrics to show; each must be in every clip's scores, or in `of_sets`.
        seed: of the bootstrap. All intervals use the same draws, so that the table is reproducible cell by cell.
        resamples: of the bootstrap.
        about: kept with the table.
        of_sets: by row, prompting and policy: intervals of metrics that only whole sets of clips have.
        pairs: of rows, which are compared under the same prompting; by default what Table 1 compares.

    Raises:
        ValueError: a clip is there twice in one row.
    """
    clips, sets = tuple(scores), of_sets or {}
    of_sets_alone = {name for known in sets.values() for name in known}
    of_clips = [column.name for column in columns if column.name not in of_sets_alone]
    cells = _cells(clips)
    rows = in_order({row for row, _, _ in cells})
    lines: list[Line] = []
    differences: list[Difference] = []
    parts: list[Part] = []
    for policy in dict.fromkeys(policy for _, _, policy in cells):
        for row, prompting in _line_order(rows):
            if cell := cells.get((row, prompting, policy)):
                line = _line(cell, of_clips, seed, resamples)
                lines.append(replace(line, intervals={**line.intervals, **sets.get((row, prompting, policy), {})}))
                parts += _parts(cell, of_clips, seed, resamples)
        for left, right in _pair_order(rows) if pairs is None else _prompted(pairs):
            ours, theirs = cells.get((*left, policy)), cells.get((*right, policy))
            if ours and theirs:
                differences.append(_difference(ours, theirs, of_clips, seed, resamples))
    return Table(tuple(columns), tuple(lines), tuple(_corrected(differences)), tuple(parts), clips, about or {})


def _cells(scores: Iterable[ClipScores]) -> dict[Key, _Clips]:
    cells: dict[Key, _Clips] = {}
    for clip in scores:
        cell = cells.setdefault((clip.row, clip.prompting, clip.policy), {})
        if clip.clip in cell:
            raise ValueError(f"clip {clip.clip} is there twice in row {clip.row}, {clip.prompting}, {clip.policy}")
        cell[clip.clip] = clip
    return cells


def _line_order(rows: Sequence[str]) -> Iterator[tuple[str, str]]:
    """As in the paper's Table 1: without description first, then with; the anchors last."""
    for prompting in PROMPTINGS:
        yield from ((row, prompting) for row in rows if kind_of(row).prompted)
    yield from ((row, "") for row in rows if not kind_of(row).prompted)


def _pair_order(rows: Sequence[str]) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    others = [row for row in rows if row not in MODELS and kind_of(row).prompted]
    pairs = [*PAIRS, *((other, row) for other in others for row in ("baseline", "finetuned"))]
    yield from _prompted(pairs)
    yield from (((row, "with"), (row, "without")) for row in rows if kind_of(row).prompted)


def _prompted(pairs: Sequence[tuple[str, str]]) -> Iterator[tuple[tuple[str, str], tuple[str, str]]]:
    for prompting in PROMPTINGS:
        yield from (((left, prompting), (right, prompting)) for left, right in pairs)


def _line(clips: _Clips, metrics: Sequence[str], seed: int, resamples: int) -> Line:
    members = list(clips.values())
    works, takes = [clip.work for clip in members], [clip.take for clip in members]
    intervals = {
        name: bootstrap([clip.scores[name] for clip in members], works, seed, resamples, takes) for name in metrics
    }
    return Line(members[0].row, members[0].prompting, members[0].policy, intervals)


def _parts(clips: _Clips, metrics: Sequence[str], seed: int, resamples: int) -> Iterator[Part]:
    """The row by kind of item, and by instrument; a clip counts for each that it was asked for."""
    groups: dict[tuple[str, str], _Clips] = {}
    for key, clip in clips.items():
        for group in [("kind", clip.kind), *(("instrument", name) for name in clip.instruments)]:
            groups.setdefault(group, {})[key] = clip
    for (by, value), members in sorted(groups.items()):
        if value:
            yield Part(by, value, _line(members, metrics, seed, resamples // 10))


def _difference(left: _Clips, right: _Clips, metrics: Sequence[str], seed: int, resamples: int) -> Difference:
    """Over the clips that both rows hold; a run that was stopped may have left one row shorter."""
    pairs = [(clip, right[key]) for key, clip in left.items() if key in right]
    works, takes = [ours.work for ours, _ in pairs], [ours.take for ours, _ in pairs]
    intervals, tests = {}, {}
    for name in metrics:
        ours, theirs = [one.scores[name] for one, _ in pairs], [other.scores[name] for _, other in pairs]
        intervals[name] = paired_bootstrap(ours, theirs, works, seed, resamples, takes)
        differences = [a - b for a, b in zip(ours, theirs, strict=True)]
        p = sign_flip(differences, works, seed)
        tests[name] = Test(p, p, detectable(differences, works))
    one, other = next(iter(left.values())), next(iter(right.values()))
    return Difference((one.row, one.prompting), (other.row, other.prompting), one.policy, intervals, tests)


def _corrected(differences: Sequence[Difference]) -> Iterator[Difference]:
    """With p-values corrected for the number of all tests in the table."""
    corrected = iter(holm([test.p for difference in differences for test in difference.tests.values()]))
    for one in differences:
        tests = {name: replace(test, corrected=next(corrected)) for name, test in one.tests.items()}
        yield replace(one, tests=tests)

"""Plots of runs that are compared, as PNG or on one's own axes: losses, scores, differences and which may be chance."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic

from ..evaluation.table import Column, Difference, Line, Table, row_label
from ..statistics.bootstrap import Interval
from .comparison_page import COLOURS, Losses

GREY = "#8a8f98"
STYLES = ("-", "--", ":", "-.")  # for the eight runs after the first eight, and so on
PANEL, ROW, AROUND, LABELS = 2.9, 0.24, 1.3, 3.2  # inches: of a metric, a row, titles and scales, the rows' names
DPI = 130


def colours_of(labels: Sequence[str]) -> dict[str, str]:
    """A colour for each run, the same in all plots."""
    return {label: COLOURS[place % len(COLOURS)] for place, label in enumerate(labels)}


def draw_losses(axis: Axes, title: str, runs: Sequence[Losses]) -> None:
    """Cross-entropies by epoch, a line a run."""
    colours = colours_of([run.label for run in runs])
    for place, run in enumerate(runs):
        style = STYLES[place // len(COLOURS) % len(STYLES)]
        epochs, losses = [epoch for epoch, _ in run.points], [loss for _, loss in run.points]
        axis.plot(epochs, losses, style, marker=".", color=colours[run.label], label=run.label)
    axis.set(title=title, xlabel="epoch", ylabel="cross-entropy, nats per code")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    _tidy(axis, "y")


def draw_scores(axis: Axes, column: Column, lines: Sequence[Line], colours: Mapping[str, str]) -> None:
    """Means of one metric with their intervals, the first line on top; filled with a description, hollow without."""
    for place, line in enumerate(lines):
        colour = colours.get(line.row, GREY)
        _draw_interval(axis, place, line.intervals.get(column.name), colour, line.prompting != "without")
    _finish_rows(axis, column.heading, [line.label for line in lines])


def draw_differences(axis: Axes, column: Column, differences: Sequence[Difference]) -> None:
    """Paired differences of one metric, the first on top; filled where they are significant, and p after correction."""
    right = axis.get_yaxis_transform()
    for place, one in enumerate(differences):
        test = one.tests.get(column.name)
        significant = test is not None and test.significant
        _draw_interval(axis, place, one.intervals.get(column.name), COLOURS[0] if significant else GREY, significant)
        if test is not None and test.corrected == test.corrected:
            axis.text(1.02, place, _p_text(test.corrected), transform=right, va="center", fontsize=7)
    axis.axvline(0, color="black", linewidth=0.8)
    _finish_rows(axis, column.heading, [_pair_label(one) for one in differences])


def write_plots(folder: Path, losses: Mapping[str, Sequence[Losses]], table: Table | None) -> list[Path]:
    """Write losses.png and, of each reference that was played from, scores-POLICY.png and differences-POLICY.png.

    Args:
        folder: where to; made if it is not there.
        losses: of the runs, by the stage's title; stages without any are left out.
        table: of what the runs play; None if fewer than two were evaluated.

    Returns:
        The files, each whole.

    Raises:
        UserError: if one cannot be written.
    """
    with rc_context({"text.parse_math": False, "font.size": 9}):  # labels are the users', also with dollars in them
        colours = colours_of([run.label for run in next(iter(losses.values()), ())])
        figures = {"losses": losses_figure(losses), **(_figures_of(table, colours) if table else {})}
        return [_written(folder / f"{name}.png", figure) for name, figure in figures.items() if figure]


def _figures_of(table: Table, colours: Mapping[str, str]) -> dict[str, Figure | None]:
    figures: dict[str, Figure | None] = {
        f"scores-{policy}": scores_figure(table, policy, colours) for policy in table.policies
    }
    return figures | {f"differences-{policy}": differences_figure(table, policy) for policy in table.policies}


def losses_figure(losses: Mapping[str, Sequence[Losses]]) -> Figure | None:
    """A panel a stage, and what the lines are; None if no run has any losses."""
    shown = {title: runs for title, runs in losses.items() if any(run.points for run in runs)}
    if not shown:
        return None
    rows = max(map(len, shown.values()))
    figure = Figure(figsize=(5 * len(shown), 3.6 + 0.2 * -(-rows // 2)), layout="constrained")
    axes = figure.subplots(1, len(shown), squeeze=False)[0]
    for axis, (title, runs) in zip(axes, shown.items(), strict=True):
        draw_losses(axis, title, runs)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return figure


def scores_figure(table: Table, policy: str, colours: Mapping[str, str]) -> Figure:
    """Means and 95 % intervals of every metric, a row a run and prompting; `colours` are the runs' by label."""
    lines = [line for line in table.lines if line.policy == policy]
    figure, axes = _panels(f"played from: {policy}; means and 95 % intervals over works", len(lines), table.columns)
    for axis, column in zip(axes, table.columns, strict=True):
        draw_scores(axis, column, lines, colours)
    marks = [_mark("with description", GREY, True), _mark("without", GREY, False)]
    figure.legend(handles=marks, loc="outside lower right", ncols=2, frameon=False)
    return figure


def differences_figure(table: Table, policy: str) -> Figure | None:
    """Paired differences of every metric with p-values; None if no two rows played the same clips."""
    differences = [one for one in table.differences if one.policy == policy]
    if not differences:
        return None
    title = f"played from: {policy}; paired differences, 95 % intervals over works, p after Holm's correction"
    figure, axes = _panels(title, len(differences), table.columns)
    for axis, column in zip(axes, table.columns, strict=True):
        draw_differences(axis, column, differences)
    marks = [_mark("significant at 5 %", COLOURS[0], True), _mark("may be chance", GREY, False)]
    figure.legend(handles=marks, loc="outside lower right", ncols=2, frameon=False)
    return figure


def _panels(title: str, rows: int, columns: Sequence[Column]) -> tuple[Figure, Sequence[Axes]]:
    size = LABELS + PANEL * len(columns), AROUND + ROW * rows
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, x=0.01, ha="left")
    return figure, figure.subplots(1, len(columns), squeeze=False, sharey=True)[0]


def _draw_interval(axis: Axes, place: int, interval: Interval | None, colour: str, filled: bool) -> None:
    if interval is None or interval.mean != interval.mean:
        return
    axis.plot([interval.low, interval.high], [place, place], color=colour, linewidth=1.6)
    axis.plot([interval.mean], [place], "o", color=colour, markerfacecolor=colour if filled else "white", markersize=6)


def _mark(label: str, colour: str, filled: bool) -> Line2D:
    return Line2D([], [], marker="o", color=colour, markerfacecolor=colour if filled else "white", label=label)


def _finish_rows(axis: Axes, title: str, labels: Sequence[str]) -> None:
    axis.set_yticks(range(len(labels)), labels)
    axis.set_ylim(len(labels) - 0.5, -0.5)
    axis.set_title(title)
    axis.tick_params(axis="y", length=0)
    axis.locator_params(axis="x", nbins=4)
    _tidy(axis, "x")


def _pair_label(one: Difference) -> str:
    """As the difference's own label, with what both rows were given said once."""
    if one.left[1] != one.right[1]:
        return one.label
    return f"{row_label(one.left[0], '')} − {row_label(*one.right)}"


def _tidy(axis: Axes, grid: Literal["x", "y"]) -> None:
    axis.grid(axis=grid, alpha=0.3)
    axis.spines[["top", "right"]].set_visible(False)


def _p_text(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.3f}"


def _written(path: Path, figure: Figure) -> Path:
    try:
        with atomic.replacing(path) as temporary:
            figure.savefig(temporary, format="png", dpi=DPI)
    except OSError as error:
        raise UserError(f"{path} cannot be written ({error}): name a folder that can be") from error
    return path

"""Runs side by side: how far each is, its losses, what it plays, and which differences may be chance."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from omegaconf import OmegaConf

from dataset_builder.errors import UserError

from ..evaluation.clip_records import ClipRecords, read_clips
from ..evaluation.rows import PROMPTINGS, ClipScores
from ..evaluation.run import SEED
from ..evaluation.table import Line, Table
from ..evaluation.tabulation import tabulate
from .sweep.rows import Row, epochs_of, expand, grid_names

CLIPS = Path("evaluation/table1_clips.json")  # in a run's folder
SIGNATURE = re.compile(r"[0-9a-f]{8}")


@dataclass(frozen=True)
class Compared:
    """A run.

    Attributes:
        sig: its signature.
        name: how it differs from the others.
        epochs: that it has when it is finished.
        history: of its epochs, a dict of stages each.
        clips: what its model played when it was evaluated; None if it has not been, or before clips were kept.
        experiment: what it was composed to but for its seed: runs that share it are one row of the table.
    """

    sig: str
    name: str
    epochs: int
    history: Sequence[dict[str, dict[str, float]]]
    clips: ClipRecords | None
    experiment: str

    @property
    def label(self) -> str:
        """Signature and name, short enough for a plot."""
        return f"{self.sig} {self.name}"[:32].strip()

    def losses(self, stage: str) -> list[tuple[int, float]]:
        """Epochs and cross-entropies (nats per code) of a stage."""
        found = ((epoch, stages.get(stage, {}).get("ce")) for epoch, stages in enumerate(self.history, 1))
        return [(epoch, ce) for epoch, ce in found if ce is not None]

    def facts(self) -> tuple[str, ...]:
        """A line of the table `HEAD` heads."""
        train, valid, test = (self.losses(stage) for stage in ("train", "valid", "evaluate"))
        best = min(((ce, epoch) for epoch, ce in valid), default=None)
        minutes = sum(stages.get("train", {}).get("duration", 0.0) for stages in self.history) / 60
        return (
            self.sig, self.name, f"{min(len(self.history), self.epochs)}/{self.epochs}", f"{minutes:.1f}",
            f"{train[-1][1]:.4f}" if train else "-", f"{best[0]:.4f} ({best[1]})" if best else "-",
            f"{test[-1][1]:.4f}" if test else "-",
        )  # fmt: skip


HEAD = ("run", "name", "epochs", "min", "train ce", "best valid ce (epoch)", "test ce")


def find(names: Sequence[str]) -> list[Compared]:
    """The runs of signatures and grids, each once, in this order.

    Raises:
        UserError: for what is neither, or if there are fewer than two.
    """
    rows = rows_of(names)
    if len(rows) < 2:
        raise UserError(f"found one run, {rows[0].sig}: name two or more, or a grid")
    from ..train import main

    short, _ = main.get_names([row.sheep.xp for row in rows])
    return [_compared(row, name) for row, name in zip(rows, short, strict=True)]


def rows_of(names: Sequence[str]) -> list[Row]:
    """The rows of signatures and grids, each once, in this order.

    Raises:
        UserError: for what is neither.
    """
    rows: dict[str, Row] = {}
    for name in names:
        for row in expand(name) if name in grid_names() else [_row_of(name)]:
            rows.setdefault(row.sig, row)
    return list(rows.values())


def table_of(runs: Sequence[Compared]) -> Table | None:
    """Table 1 of the runs that were evaluated, in their order, all against the first; None if fewer than two were.

    Runs that differ in their seeds alone are one row, and seeds are resampled as works are.
    """
    rows = _rows_of(runs)
    if len(rows) < 2:
        return None
    records = [one for repetitions in rows.values() for one in repetitions]
    columns = [column for column in records[0].columns if all(column in one.columns for one in records)]
    labels = list(rows)
    clips = [clip for row, repetitions in rows.items() for clip in _as_takes(row, repetitions)]
    table = tabulate(clips, columns, SEED, pairs=[(other, labels[0]) for other in labels[1:]])

    def place(line: Line) -> tuple[int, int, int]:
        return table.policies.index(line.policy), PROMPTINGS.index(line.prompting), labels.index(line.row)

    return replace(table, lines=tuple(sorted(table.lines, key=place)))


def notes_of(runs: Sequence[Compared], table: Table | None) -> list[str]:
    """What the comparison leaves out, and why."""
    missing = [run.sig for run in runs if run.clips is None]
    notes = []
    if missing:
        notes.append(f"Not evaluated, or before clips were kept: {', '.join(missing)}. The end of training with "
                     "evaluate.metrics.clips evaluates; later, dora run -f SIG execute_only=evaluate "
                     "execute_inplace=true.")  # fmt: skip
    if table:
        known = {column.name for run in runs if run.clips for column in run.clips.columns}
        if left := sorted(known - {column.name for column in table.columns}):
            notes.append(f"Scores that not all of them have: {', '.join(left)}.")
    return notes


def _rows_of(runs: Sequence[Compared]) -> dict[str, list[ClipRecords]]:
    """What runs played, by row of the table."""
    experiments: dict[str, list[Compared]] = {}
    for run in runs:
        if run.clips:
            experiments.setdefault(run.experiment, []).append(run)
    rows = {}
    for same in experiments.values():
        name = same[0].label if len(same) == 1 else f"{same[0].name} ({len(same)} seeds)"
        rows[name] = [run.clips for run in same if run.clips]
    return rows


def _as_takes(row: str, repetitions: Sequence[ClipRecords]) -> Iterator[ClipScores]:
    """The clips of one experiment's runs, a run's takes after those of the one before."""
    before = 0
    for records in repetitions:
        clips = records.named(row).clips
        yield from (replace(clip, take=before + clip.take) for clip in clips)
        before += 1 + max((clip.take for clip in clips), default=0)


def _row_of(sig: str) -> Row:
    from ..train import main

    hint = f"expected the signature of a run in {main.dora.dir}, or a grid ({', '.join(grid_names())})"
    if not SIGNATURE.fullmatch(sig):
        raise UserError(f"{sig!r} is no run: {hint}")
    try:
        xp: Any = main.get_xp_from_sig(sig)
    except RuntimeError as error:
        raise UserError(f"there is no run {sig}: {hint}") from error
    return Row(sig, SimpleNamespace(xp=xp), epochs_of(xp.cfg))


def _compared(row: Row, name: str) -> Compared:
    path = row.sheep.xp.folder / CLIPS
    row.sheep.xp.link.load()
    clips = read_clips(path) if path.is_file() else None
    label = row.sheep.xp.cfg.label or name
    composed: Any = OmegaConf.to_container(row.sheep.xp.cfg)
    experiment = json.dumps({**composed, "seed": None}, sort_keys=True, default=str)
    return Compared(row.sig, str(label), row.epochs, list(row.sheep.xp.link.history), clips, experiment)

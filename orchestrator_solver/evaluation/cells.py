"""Scores of one row of the table under one reference policy, written batch by batch so that a stop loses one batch."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dataset_builder.runtime import atomic

from ..metrics.clips import ClipMetric
from .excerpts import TestExcerpt, clips_of
from .players import Player

BATCH = 16


@dataclass(frozen=True)
class Cell:
    """Who plays (`row`), from what (`policy`), asked how (`prompting`: without | with description).

    `version` is the player's, see `Player.version`.
    """

    row: str
    policy: str
    prompting: str
    version: str

    @property
    def name(self) -> str:
        """A file name."""
        return f"{self.row}-{self.version}-{self.policy}-{self.prompting}"


def score_cell(
    cell: Cell, excerpts: Sequence[TestExcerpt], play: Player, metrics: Mapping[str, ClipMetric], folder: Path,
    rate: int,
) -> Iterator[list[dict]]:  # fmt: skip
    """Scores of a cell in batches: read where they were computed before, else played, scored and written.

    Args:
        cell: which one.
        excerpts: in the table's order.
        play: the cell's row.
        metrics: by name.
        folder: where batches are kept; it belongs to one choice of excerpts and settings.
        rate: Hz.
    """
    for begin in range(0, len(excerpts), BATCH):
        path = folder / f"{cell.name}-{begin:05d}.json"
        if not path.is_file():
            atomic.write_json(path, _scored(cell, excerpts[begin : begin + BATCH], play, metrics, rate))
        yield json.loads(path.read_text())


def _scored(
    cell: Cell, excerpts: Sequence[TestExcerpt], play: Player, metrics: Mapping[str, ClipMetric], rate: int
) -> list[dict]:
    """A batch, played and scored: a record an excerpt."""
    requests = [excerpt.request(excerpt.reference(cell.policy, rate), cell.prompting) for excerpt in excerpts]
    generated, targets = play(excerpts, cell.policy, requests), [excerpt.target(rate) for excerpt in excerpts]
    clips = clips_of(excerpts, requests, targets, generated, rate)
    columns = {name: metric(clips).tolist() for name, metric in metrics.items()}
    return [
        {"item": excerpt.item.id, "work": excerpt.work, "start": excerpt.start,
         "scores": {name: column[i] for name, column in columns.items()}}
        for i, excerpt in enumerate(excerpts)
    ]  # fmt: skip

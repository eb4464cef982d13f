"""Scores of one row of the table under one reference policy, written batch by batch so that a stop loses one batch."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataset_builder.dataset.excerpt import read_excerpt
from dataset_builder.runtime import atomic

from ..metrics.clips import ClipMetric, Clips
from .excerpts import TestExcerpt

Player = Callable[[Sequence[TestExcerpt], str, str, list[np.ndarray]], list[np.ndarray]]
BATCH = 16


@dataclass(frozen=True)
class Cell:
    """Who plays (`row`), from what (`policy`), asked how (`prompting`: without | with description).

    `version` tells weights from other weights, so that another model's scores are never taken for this one's.
    """

    row: str
    policy: str
    prompting: str
    version: str

    @property
    def name(self) -> str:
        """A file name."""
        return f"{self.row}-{self.version}-{self.policy}-{self.prompting}"


def audio_of(excerpts: Sequence[TestExcerpt], policy: str | None, root: Path, seconds: float, rate: int) -> list:
    """Targets (`policy` None) or references of excerpts, `[T]` each."""
    items = [excerpt.item if policy is None else excerpt.references[policy] for excerpt in excerpts]
    return [read_excerpt(item, root, e.start, seconds, rate) for item, e in zip(items, excerpts, strict=True)]


def score_cell(
    cell: Cell, excerpts: Sequence[TestExcerpt], play: Player, metrics: dict[str, ClipMetric], folder: Path, root: Path,
    seconds: float, rate: int,
) -> Iterator[list[dict]]:  # fmt: skip
    """Scores of a cell in batches: read where they were computed before, else played, scored and written.

    Args:
        cell: which one.
        excerpts: in the table's order.
        play: from (excerpts, policy, prompting, references) to audio `[T]` each.
        metrics: by name.
        folder: where batches are kept; it belongs to one choice of excerpts and settings.
        root: the data set's folder.
        seconds: length of an excerpt.
        rate: Hz.
    """
    for begin in range(0, len(excerpts), BATCH):
        batch = excerpts[begin : begin + BATCH]
        path = folder / f"{cell.name}-{begin:05d}.json"
        if not path.is_file():
            references = audio_of(batch, cell.policy, root, seconds, rate)
            generated = play(batch, cell.policy, cell.prompting, references)
            clips = Clips(
                generated, audio_of(batch, None, root, seconds, rate), references,
                [excerpt.item.sounding(excerpt.start, excerpt.start + seconds) for excerpt in batch],
                [excerpt.prompts[cell.prompting] for excerpt in batch], rate,
            )  # fmt: skip
            columns = {name: metric(clips).tolist() for name, metric in metrics.items()}
            rows = [
                {"item": excerpt.item.id, "work": excerpt.work, "start": excerpt.start,
                 "scores": {name: column[i] for name, column in columns.items()}}
                for i, excerpt in enumerate(batch)
            ]  # fmt: skip
            atomic.write_json(path, rows)
        yield json.loads(path.read_text())

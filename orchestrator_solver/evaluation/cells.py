"""Scores of a row, written batch by batch and metric by metric: a stop loses one batch, a new metric costs itself."""

import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from dataset_builder.runtime import atomic

from ..generation.request import Request
from ..metrics.clips import ClipMetric, Clips, SetMetric
from .excerpts import TestExcerpt, clips_of
from .players import Played, Player

BATCH = 16  # excerpts that are played at once


@dataclass(frozen=True)
class Cell:
    """Who plays (`row`), from what (`policy`), asked how (`prompting`: without | with description), with which seed.

    `version` is the player's, see `Player.version`; `take` is the seed's number.
    """

    row: str
    policy: str
    prompting: str
    version: str
    take: int = 0


@dataclass(frozen=True)
class Batch:
    """A part of a cell, the same whoever works on it.

    Attributes:
        cell: of which it is a part.
        begin: place of its first excerpt in the table's order.
        excerpts: of it.
    """

    cell: Cell
    begin: int
    excerpts: Sequence[TestExcerpt]

    @property
    def name(self) -> str:
        """A file name's beginning."""
        cell = self.cell
        row = hashlib.sha256(cell.row.encode()).hexdigest()[:8]  # anybody's words
        place = f"{self.begin:05d}-{len(self.excerpts)}"
        return f"{row}-{cell.version}-{cell.policy}-{cell.prompting}-{cell.take}-{place}"


def batches_of(cell: Cell, excerpts: Sequence[TestExcerpt], size: int) -> Iterator[Batch]:
    """A cell in parts of `size` excerpts."""
    for begin in range(0, len(excerpts), size):
        yield Batch(cell, begin, excerpts[begin : begin + size])


def score_batch(
    batch: Batch, play: Player, metrics: Mapping[str, ClipMetric], folder: Path, rate: int
) -> list[dict[str, Any]]:
    """Scores of a batch, a record an excerpt: read where they were computed before, else played, scored and written.

    Args:
        batch: which one.
        play: the cell's row.
        metrics: by name.
        folder: where scores are kept; it belongs to one choice of excerpts and settings.
        rate: Hz.
    """
    heard = _Heard(batch, play, rate)
    columns = {name: _column(folder, batch, name, metric, heard) for name, metric in metrics.items()}
    names = _kept(folder / f"{batch.name}-takes.json", lambda: list(heard.played.names))
    return [
        {"item": excerpt.item.id, "work": excerpt.work, "start": excerpt.start, "kind": excerpt.item.kind,
         "instruments": tuple(excerpt.instruments), "audio": names[i] if names else "",
         "scores": {name: column[i] for name, column in columns.items()}}
        for i, excerpt in enumerate(batch.excerpts)
    ]  # fmt: skip


def embed_batch(batch: Batch, play: Player, metric: SetMetric, name: str, folder: Path, rate: int) -> np.ndarray:
    """What a metric of sets makes of a batch's clips `[B, D]`; read where it was computed before."""
    path = folder / f"{batch.name}-{name}-{identity_of(metric)}.npy"
    if not path.is_file():
        wavs = play_batch(batch, play, rate).wavs
        array = io.BytesIO()
        np.save(array, metric.embed(wavs, rate), allow_pickle=False)
        atomic.write_bytes(path, array.getvalue())
    found: np.ndarray = np.load(path, allow_pickle=False)
    return found


def play_batch(batch: Batch, play: Player, rate: int) -> Played:
    """A batch as its row plays it."""
    return play(batch.excerpts, batch.cell.policy, _requests(batch, rate), batch.cell.take)


def identity_of(metric: ClipMetric | SetMetric) -> str:
    """Tells a metric's scores from those of another network or of other weights under its name."""
    facts = metric.provenance() if hasattr(metric, "provenance") else {}
    return hashlib.sha256(json.dumps([metric.label, facts], sort_keys=True).encode()).hexdigest()[:8]


@dataclass
class _Heard:
    """A batch that is played when somebody listens."""

    batch: Batch
    play: Player
    rate: int

    @cached_property
    def played(self) -> Played:
        return play_batch(self.batch, self.play, self.rate)

    @cached_property
    def clips(self) -> Clips:
        excerpts, requests = self.batch.excerpts, _requests(self.batch, self.rate)
        targets = [excerpt.target(self.rate) for excerpt in excerpts]
        return clips_of(excerpts, requests, targets, self.played.wavs, self.rate, self.batch.cell.policy)


def _requests(batch: Batch, rate: int) -> list[Request]:
    cell = batch.cell
    return [e.request(e.reference(cell.policy, rate), cell.prompting, cell.policy) for e in batch.excerpts]


def _column(folder: Path, batch: Batch, name: str, metric: ClipMetric, heard: _Heard) -> list[float]:
    path = folder / f"{batch.name}-{name}-{identity_of(metric)}.json"
    column: list[float] = _kept(path, lambda: metric(heard.clips).tolist())
    return column


def _kept(path: Path, compute: Callable[[], list]) -> list:
    """What a file holds, which is made if there is none."""
    if not path.is_file():
        atomic.write_json(path, compute())
    values: list = json.loads(path.read_text())
    return values

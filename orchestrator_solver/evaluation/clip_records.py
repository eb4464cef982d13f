"""A table's clips on disk, from which tables of several evaluations are made."""

import json
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dataset_builder.runtime import atomic

from .rows import ClipScores, kind_of
from .table import Column, Table


@dataclass(frozen=True)
class ClipRecords:
    """Scores of the clips that models played, and the metrics that all of them have."""

    columns: tuple[Column, ...]
    clips: tuple[ClipScores, ...]

    def named(self, row: str) -> "ClipRecords":
        """The fine-tuned model's clips alone, as another row."""
        own = (clip for clip in self.clips if clip.row == "finetuned")
        return ClipRecords(self.columns, tuple(replace(clip, row=row) for clip in own))


def write_clips(path: Path, table: Table) -> None:
    """Write what models played, whole or not at all; a score that is not defined is null."""
    clips = [clip for clip in table.clips if kind_of(clip.row).prompted]
    columns = [column for column in table.columns if all(column.name in clip.scores for clip in clips)]
    atomic.write_json(
        path, {"columns": [asdict(column) for column in columns], "clips": [_plain(clip) for clip in clips]}
    )


def read_clips(path: Path) -> ClipRecords:
    """What `write_clips` wrote."""
    record = json.loads(path.read_text())
    return ClipRecords(tuple(Column(**column) for column in record["columns"]), tuple(map(_clip, record["clips"])))


def _plain(clip: ClipScores) -> dict[str, Any]:
    scores = {name: value if math.isfinite(value) else None for name, value in clip.scores.items()}
    return {**asdict(clip), "scores": scores}


def _clip(record: dict[str, Any]) -> ClipScores:
    scores = {name: math.nan if value is None else value for name, value in record["scores"].items()}
    return ClipScores(**{**record, "scores": scores, "instruments": tuple(record["instruments"])})

"""A data set on disk: audiocraft's manifest of every split, and a JSON sidecar of every item.

`ROOT/egs/SPLIT/data.jsonl.gz` has audiocraft's AudioMeta lines; `ROOT/items/ID.json` holds every MusicInfo field beside
our own (`items.Item`). Paths are relative to the source's root, which `ROOT/dataset.json` names, so that both can move.
"""

import gzip
import json
import os
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from . import atomic, prompt
from .errors import UserError
from .items import Item

SPLITS = ("train", "valid", "test")
SOURCE_VARIABLE = "ORCHESTRATOR_SOURCE_ROOT"


def item_path(item_id: str) -> str:
    """An item's sidecar, relative to the data set's root."""
    return f"items/{item_id}.json"


def sidecar(item: Item) -> dict[str, Any]:
    """An item's JSON: audiocraft's MusicInfo fields, then ours (`instruments` is ours, `instrument` audiocraft's)."""
    tags = sorted(item.tags or {}, key=lambda tag: -(item.tags or {})[tag])[:3]
    return {
        "title": item.id, "artist": item.track, "genre": None, "moods": tags, "keywords": [item.kind],
        "name": item.id, "instrument": ", ".join(item.instruments),
        "prompt": prompt.compose(item.instruments, item.description), **item.to_json(),
    }  # fmt: skip


def write_item(root: Path, item: Item) -> None:
    """Write an item's sidecar."""
    atomic.write_json(root / item_path(item.id), sidecar(item))


def write_split(root: Path, split: str, items: Iterable[Item]) -> None:
    """Write the manifest of a split."""
    lines = [
        {"path": item.audio or item_path(item.id).replace(".json", ".flac"), "duration": item.duration,
         "sample_rate": item.sample_rate, "amplitude": None, "weight": None, "info_path": item_path(item.id)}
        for item in items
    ]  # fmt: skip
    atomic.write_json_gz(root / "egs" / split / "data.jsonl.gz", lines)


def load(root: Path, split: str) -> list[Item]:
    """The items of a split.

    Raises:
        UserError: if there is no such manifest, or it or a sidecar is broken.
    """
    path = root / "egs" / split / "data.jsonl.gz"
    if not path.is_file():
        raise UserError(f"no manifest {path}: build the data set first (python -m dataset_builder build --out {root})")
    try:
        with gzip.open(path, "rt") as file:
            lines = [json.loads(line) for line in file]
        return [Item.from_json(json.loads((root / line["info_path"]).read_text())) for line in lines]
    except (OSError, EOFError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path}: the data set is broken ({error!r}); build it again") from error


@lru_cache(maxsize=32)
def _named_source(root: Path) -> str:
    try:
        return str(json.loads((root / "dataset.json").read_text())["source_root"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{root}/dataset.json cannot be read ({error!r}): build the data set again") from error


def source_root(root: Path) -> Path:
    """Where a data set's audio is: what `dataset.json` names, or the environment's ORCHESTRATOR_SOURCE_ROOT."""
    return Path(root) / (os.environ.get(SOURCE_VARIABLE) or _named_source(Path(root)))

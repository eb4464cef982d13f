"""A data set on disk: audiocraft's manifest of every split, and a JSON sidecar of every item.

`ROOT/egs/SPLIT/data.jsonl.gz` has audiocraft's AudioMeta lines; `ROOT/items/ID.json` holds every MusicInfo field beside
our own (`items.Item`). Paths are relative to the source's root, which `ROOT/dataset.json` names, so that both can move.
"""

import gzip
import json
import os
import zlib
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import UserError
from ..items import prompt
from ..items.item import Item
from ..items.tags import genres, moods
from ..runtime import atomic

SPLITS = ("train", "valid", "test")
ORIGIN = "dataset.json"
SOURCE_VARIABLE = "ORCHESTRATOR_SOURCE_ROOT"


def item_path(item_id: str) -> str:
    """An item's sidecar, relative to the data set's root."""
    return f"items/{item_id}.json"


def split_path(split: str) -> str:
    """A split's manifest, relative to the data set's root."""
    return f"egs/{split}/data.jsonl.gz"


def sidecar(item: Item) -> dict[str, Any]:
    """An item's JSON: audiocraft's MusicInfo fields, then ours (`instruments` is ours, `instrument` audiocraft's)."""
    tags = item.tags or {}
    return {
        "title": item.id, "artist": item.track, "genre": next(iter(genres(tags)), None), "moods": moods(tags),
        "keywords": [item.kind],
        "name": item.id, "instrument": ", ".join(item.instruments),
        "prompt": prompt.compose(item.instruments, item.description), **item.to_json(),
    }  # fmt: skip


def sidecar_bytes(item: Item) -> bytes:
    """An item's sidecar as it is written."""
    return atomic.record(sidecar(item)).encode()


def meta_line(item: Item) -> dict[str, Any]:
    """An item's line in a manifest: audiocraft's AudioMeta."""
    return {
        "path": item.audio or item_path(item.id).replace(".json", ".flac"), "duration": item.duration,
        "sample_rate": item.sample_rate, "amplitude": None, "weight": None, "info_path": item_path(item.id),
    }  # fmt: skip


def read_split(root: Path, split: str) -> list[dict[str, Any]]:
    """The lines of a split's manifest.

    Raises:
        UserError: if there is no such manifest, or it is broken.
    """
    path = root / split_path(split)
    if not path.is_file():
        raise UserError(f"no manifest {path}: build the data set first (python -m dataset_builder build --out {root})")
    lines = read_lines(path)
    if nameless := [line for line in lines if not isinstance(line.get("info_path"), str)]:
        raise UserError(f"{path}: the data set is broken (no info_path in {nameless[0]}); build it again")
    return lines


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of any manifest of audiocraft's.

    Raises:
        UserError: if it is broken.
    """
    try:
        with gzip.open(path, "rt", encoding="utf-8") as file:
            return [dict(json.loads(line)) for line in file]
    except (OSError, EOFError, zlib.error, ValueError, TypeError) as error:
        raise UserError(f"{path}: the data set is broken ({error!r}); build it again") from error


def load(root: Path, split: str) -> list[Item]:
    """The items of a split.

    Raises:
        UserError: if there is no such manifest, or it or a sidecar is broken.
    """
    return list(items_of(root, split))


def items_of(root: Path, split: str) -> Iterator[Item]:
    """The items of a split, one after another.

    Raises:
        UserError: if there is no such manifest, or it or a sidecar is broken.
    """
    for line in read_split(root, split):
        path = root / line["info_path"]
        try:
            yield Item.from_json(json.loads(path.read_text()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: the data set is broken ({error!r}); build it again") from error


class Origin(NamedTuple):
    """What `dataset.json` says: where the audio is, relative to the data set or absolute, and the build's settings."""

    source_root: str
    settings: dict[str, Any]


def read_origin(root: Path) -> Origin:
    """Where a data set comes from.

    Raises:
        UserError: if it is missing or broken.
    """
    path = root / ORIGIN
    try:
        values = json.loads(path.read_text())
        return Origin(str(values["source_root"]), dict(values["settings"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} cannot be read ({error!r}): build the data set again") from error


@lru_cache(maxsize=32)
def _named_source(root: Path) -> str:
    return read_origin(root).source_root


def source_root(root: Path) -> Path:
    """Where a data set's audio is: what `dataset.json` names, or the environment's ORCHESTRATOR_SOURCE_ROOT."""
    return Path(root) / (os.environ.get(SOURCE_VARIABLE) or _named_source(Path(root)))


def relocate(root: Path, source: Path) -> None:
    """Say that a data set's audio is now below `source`.

    Raises:
        UserError: if the audio is not there.
    """
    origin = read_origin(root)
    for item in islice((item for split in SPLITS for item in items_of(root, split)), 1):
        path = source / (item.audio or item.stems[0].path)
        if not path.is_file():
            raise UserError(f"{path} does not exist: expected the source of {root} in {source}")
    write_origin(root, Origin(str(source.resolve()), origin.settings))


def write_origin(root: Path, origin: Origin) -> None:
    """Write `dataset.json`."""
    atomic.write_json(root / ORIGIN, origin._asdict())
    _named_source.cache_clear()

"""A data set on disk: audiocraft's manifest of every split, and a JSON sidecar of every item.

`ROOT/egs/SPLIT/data.jsonl.gz` has audiocraft's AudioMeta lines; `ROOT/items/ID.json` holds every MusicInfo field beside
our own (`items.Item`). Paths are relative to the source's root, which `ROOT/dataset.json` names, so that both can move.
"""

import os
from collections.abc import Iterator
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from ..errors import UserError
from ..items import prompt
from ..items.item import Item
from ..items.item_format import is_id, parse_item
from ..items.tags import genres, moods
from ..music.instrument_words import words_of
from ..runtime import atomic
from ..runtime.untrusted import leads_out, parse_json, read_regular, require_inside, shown, unzipped_lines
from ..sources.registry import READERS

SPLITS = ("train", "valid", "test")
ORIGIN = "dataset.json"
_FOLDERS = (
    *(".sources", "tracks", "items", "batches", "store"),
    *(f"{name}{split}" for name in ("egs", "files") for split in ("", "/train", "/valid", "/test")),
)
SOURCE_VARIABLE = "ORCHESTRATOR_SOURCE_ROOT"
# Bytes. Of Slakh2100 a sidecar has 10 KB at most, a manifest's line 200 bytes, and a manifest 5 MB.
_LARGEST_SIDECAR, _LONGEST_LINE, _LARGEST_MANIFEST = 1 << 24, 1 << 16, 1 << 27
_MOST_ITEMS = 1 << 19  # of a split; Slakh2100 has 33,863 in all


def item_path(item_id: str) -> str:
    """An item's sidecar, relative to the data set's root."""
    return f"items/{item_id}.json"


def split_path(split: str) -> str:
    """A split's manifest, relative to the data set's root."""
    return f"egs/{split}/data.jsonl.gz"


def place_of(path: str) -> tuple[Path, str]:
    """The data set's folder and the split of a manifest's folder `ROOT/egs/SPLIT`.

    Raises:
        UserError: if there is no such data set or split.
    """
    root, split = Path(path).parent.parent, Path(path).name
    if Path(path).parent.name != "egs":
        raise UserError(f"{path} is no split's folder: expected DATA/egs/SPLIT")
    _require_split(root, split)
    return root, split


def _require_split(root: Path, split: str) -> None:
    """Tell a folder that is not there, one that is no data set, and a split that this data set does not have.

    Raises:
        UserError: in each of these cases.
    """
    if (root / split_path(split)).is_file():
        return
    build = f"python -m dataset_builder build --out {root}"
    if not root.is_dir():
        raise UserError(f"there is no folder {root}: expected a data set; correct its name, or make it ({build})")
    there = [path.parent.name for path in sorted((root / "egs").glob("*/data.jsonl.gz"))]
    if not there:
        raise UserError(f"{root} is no data set (it has no {split_path(split)}): name another, or make it ({build})")
    known = [*(name for name in SPLITS if name in there), *(shown(name) for name in there if name not in SPLITS)]
    raise UserError(f"{root} has no split {split!r}: expected one of those that are there: {', '.join(known[:9])}")


def sidecar(item: Item, instrument_words: str = "classes") -> dict[str, Any]:
    """An item's JSON: audiocraft's MusicInfo fields, then ours (`instruments` is ours, `instrument` audiocraft's).

    Args:
        item: which one.
        instrument_words: what audiocraft's fields call the instruments, a name in `NAMINGS`.
    """
    tags, words = item.tags or {}, words_of(item.stems, instrument_words)
    return {
        "title": item.id, "artist": item.track, "genre": next(iter(genres(tags)), None), "moods": moods(tags),
        "keywords": [item.kind],
        "name": item.id, "instrument": ", ".join(words), "prompt": prompt.compose(words, item.description),
        **item.to_json(),
    }  # fmt: skip


def sidecar_bytes(item: Item, instrument_words: str = "classes") -> bytes:
    """An item's sidecar as it is written, see `sidecar`."""
    return atomic.record(sidecar(item, instrument_words)).encode()


def meta_line(item: Item) -> dict[str, Any]:
    """An item's line in a manifest: audiocraft's AudioMeta."""
    return {
        "path": item.audio or item_path(item.id).replace(".json", ".flac"), "duration": item.duration,
        "sample_rate": item.sample_rate, "amplitude": None, "weight": None, "info_path": item_path(item.id),
    }  # fmt: skip


def read_split(root: Path, split: str) -> list[dict[str, Any]]:
    """The lines of a split's manifest; each names an item's sidecar.

    Raises:
        UserError: if there is no such manifest, or it is broken.
    """
    path = root / split_path(split)
    _require_split(root, split)
    lines = read_lines(path)
    for line in lines:
        if not _names_sidecar(line.get("info_path")):
            found = shown(line.get("info_path"))
            raise UserError(f"{path}: the data set is broken (info_path is {found}, expected items/ID.json)")
    return lines


def _names_sidecar(value: Any) -> bool:
    return type(value) is str and value == item_path(item_id := value[6:-5]) and is_id(item_id)


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The lines of any manifest of audiocraft's.

    Raises:
        UserError: if it is broken.
    """
    try:
        lines = [parse_json(line) for line in unzipped_lines(path, _LARGEST_MANIFEST, _LONGEST_LINE, _MOST_ITEMS)]
        if strange := [line for line in lines if type(line) is not dict]:
            raise ValueError(f"a line is {shown(strange[0])}, expected an object")
        return lines
    except (OSError, ValueError) as error:
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
            yield parse_sidecar(read_sidecar(root, path), path)
        except (OSError, ValueError) as error:
            raise UserError(f"{path}: the data set is broken ({error}); build it again") from error


def read_sidecar(root: Path, path: Path) -> bytes:
    """The bytes of an item's sidecar, which may be a link within the data set.

    Raises:
        OSError: if it is missing, or cannot be read.
        ValueError: if it is no file of the data set, or too large.
    """
    try:
        return read_regular(path, _LARGEST_SIDECAR, follow=False)
    except OSError:
        if not path.is_symlink():
            raise
    if leads_out(path, root):
        raise ValueError(f"it is a link to {os.path.realpath(path)}, expected a file of the data set")
    return read_regular(path, _LARGEST_SIDECAR)


def parse_sidecar(data: bytes, path: Path) -> Item:
    """An item from the bytes of its sidecar, whose file is named after it.

    Raises:
        ValueError: if it is broken, or another item's.
    """
    item = parse_item(data)
    if path.name != f"{item.id}.json":
        raise ValueError(f"item {item.id!a}: id is of another file, expected {path.stem!a}")
    return item


class Origin(NamedTuple):
    """What `dataset.json` says: where the audio is, relative to the data set or absolute, and the build's settings."""

    source_root: str
    settings: dict[str, Any]


def read_origin(root: Path) -> Origin:
    """Where a data set comes from.

    Raises:
        UserError: if it is missing or broken, or a folder that is written to is a link to elsewhere.
    """
    path = root / ORIGIN
    for folder in _FOLDERS:
        require_inside(root / folder, root)
    try:
        values = parse_json(read_regular(path, _LARGEST_SIDECAR))
        source, settings = values["source_root"], values["settings"]
        if type(source) is not str or "\0" in source or type(settings) is not dict:
            raise ValueError(f"source_root is {shown(source)}, settings {shown(settings)}: expected text, an object")
        policy = settings.get("policy", [])
        if type(policy) is not list or not all(type(line) is str for line in policy):
            raise ValueError(f"policy is {shown(policy)}, expected a list of text")
        return Origin(source, settings)
    except FileNotFoundError as error:
        raise UserError(
            f"{root} is no data set, it has no {ORIGIN}: expected one that `python -m dataset_builder build` made"
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} cannot be read ({error!r}): build the data set again") from error


def reader_of(root: Path) -> str:
    """The name in `READERS` of the source that a data set was made of.

    Raises:
        UserError: if `dataset.json` is missing or broken, or names none.
    """
    name = read_origin(root).settings.get("source")
    if type(name) is not str or name not in READERS:
        raise UserError(f"{root / ORIGIN} names the source {shown(name)}, expected one of {', '.join(READERS)}")
    return name


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

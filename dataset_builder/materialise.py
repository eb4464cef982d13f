"""A data set as plain files, for stock audiocraft and other programs that know no virtual items.

`ROOT/items/ID.flac` beside each sidecar: a link to the source's file where one holds the item, the stems' sum as FLAC
where none does. `ROOT/files/SPLIT/data.jsonl.gz` is a manifest with absolute paths, since stock audiocraft looks for an
item's sidecar beside its audio and knows no root.
"""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
from tqdm import tqdm

from . import atomic, audio, manifest
from .errors import UserError
from .excerpt import read_files
from .items import Item

FOLDER = "files"


def materialise(root: Path) -> None:
    """Write what is missing of a data set's files, and their manifest.

    Raises:
        UserError: if the data set is broken, or its source cannot be read.
    """
    base = manifest.source_root(root).resolve()
    for split in manifest.SPLITS:
        items = manifest.load(root, split)
        for item in tqdm(items, f"materialise {split}", unit="item", disable=not items):
            _write(item, base, audio_path(root, item))
        atomic.write_json_gz(root / FOLDER / split / "data.jsonl.gz", _lines(root, items))


def audio_path(root: Path, item: Item) -> Path:
    """Where an item's file lies."""
    return root / manifest.item_path(item.id).replace(".json", ".flac")


def _write(item: Item, base: Path, path: Path) -> None:
    if path.exists():
        return
    path.unlink(missing_ok=True)  # a link to a source that has moved
    if item.audio:
        if not (base / item.audio).is_file():
            raise UserError(f"{base / item.audio} is missing: expected the data set's source in {base}")
        path.symlink_to(base / item.audio)
        return
    wav = read_files(item, base, 0.0, item.duration, item.sample_rate)
    audio.write_flac(path, wav / max(1.0, float(np.abs(wav).max())), item.sample_rate)  # louder than a file can hold


def _lines(root: Path, items: Iterable[Item]) -> Iterable[dict[str, object]]:
    for item in items:
        yield {**manifest.meta_line(item), "path": str(audio_path(root.resolve(), item)), "info_path": None}

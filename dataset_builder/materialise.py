"""A data set as plain files, for stock audiocraft and other programs that know no virtual items.

`ROOT/items/ID.flac` beside each sidecar: a link to the source's file where one holds the item, the stems' sum as FLAC
where none does. `ROOT/files/SPLIT/data.jsonl.gz` is a manifest with absolute paths, since stock audiocraft looks for an
item's sidecar beside its audio and knows no root.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from pathlib import Path

from . import atomic, manifest
from .errors import UserError
from .items import Item
from .sums import Sum, write_sums
from .workers import share_out

FOLDER = "files"


def materialise(root: Path, workers: int = 2) -> None:
    """Write what is missing of a data set's files, and their manifest.

    Raises:
        UserError: if the data set is broken, or its source cannot be read.
    """
    base = manifest.source_root(root).resolve()
    by_split = {split: manifest.load(root, split) for split in manifest.SPLITS}
    tracks: dict[tuple[str, int], list[Item]] = defaultdict(list)
    for item in (item for items in by_split.values() for item in items):
        path = audio_path(root, item)
        if item.audio:
            _link(base / item.audio, path)
        elif not path.exists():
            tracks[item.track, item.sample_rate].append(item)
    jobs = [(root, base, items) for items in tracks.values()]
    share_out(_write_sums, jobs, workers, "materialise")
    for split, items in by_split.items():
        atomic.write_json_gz(root / FOLDER / split / "data.jsonl.gz", _lines(root, items))


def audio_path(root: Path, item: Item) -> Path:
    """Where an item's file lies."""
    return root / manifest.item_path(item.id).replace(".json", ".flac")


def _link(source: Path, path: Path) -> None:
    if path.exists():
        return
    if not source.is_file():
        raise UserError(f"{source} is missing: expected the data set's source there, or say where it is (relocate)")
    path.unlink(missing_ok=True)  # a link to a source that has moved
    path.symlink_to(source)


def _write_sums(root: Path, base: Path, items: Sequence[Item]) -> None:
    """Virtual items of one track and rate."""
    sums = [
        Sum(
            audio_path(root, item), tuple((base / stem.path, stem.gain) for stem in item.stems),
            round(item.duration * item.sample_rate),
        )
        for item in items
    ]  # fmt: skip
    write_sums(sums, items[0].sample_rate)


def _lines(root: Path, items: Iterable[Item]) -> Iterable[dict[str, object]]:
    for item in items:
        yield {**manifest.meta_line(item), "path": str(audio_path(root.resolve(), item)), "info_path": None}

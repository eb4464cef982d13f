"""A data set as plain files, for stock audiocraft and other programs that know no virtual items.

`ROOT/items/ID.flac` beside each sidecar: a link to the source's file where one holds the item, the stems' sum as FLAC
where none does. `ROOT/files/SPLIT/data.jsonl.gz` is a manifest with absolute paths, since stock audiocraft looks for an
item's sidecar beside its audio and knows no root. `ROOT/files/SHA256SUMS` has the hash of every FLAC that was written:
`sha256sum --check files/SHA256SUMS` in the data set's folder.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from . import atomic, lock, manifest
from .checksums import digest_of, read_checksums, write_checksums
from .errors import UserError
from .items import Item
from .sums import Sum, write_sums
from .workers import share_out

FOLDER = "files"
SUMS = f"{FOLDER}/SHA256SUMS"


def materialise(root: Path, workers: int = 2) -> None:
    """Write what is missing of a data set's files, and their manifest.

    Raises:
        UserError: if the data set is broken or worked on by another process, its source cannot be read, or the disk is
            full.
    """
    base = manifest.source_root(root).resolve()
    with lock.alone(root):
        by_split = {split: _slim_items(root, split) for split in manifest.SPLITS}
        atomic.remove_leftovers(root, "items", FOLDER)
        hashed = read_checksums(root / SUMS) if (root / SUMS).is_file() else {}
        tracks: dict[tuple[str, int], list[Item]] = defaultdict(list)
        for item in (item for items in by_split.values() for item in items):
            path = audio_path(root, item.id)
            if item.audio:
                _link(base / item.audio, path)
            elif not path.exists() or path.relative_to(root).as_posix() not in hashed:
                tracks[item.track, item.sample_rate].append(item)
        jobs = [(root, base, items) for items in tracks.values()]
        for written in share_out(_write_flacs, jobs, workers, "materialise"):
            hashed.update(written)
        for split, items in by_split.items():
            atomic.write_json_gz(manifest_path(root, split), _lines(root, items))
        virtual = {f"items/{item.id}.flac" for items in by_split.values() for item in items if not item.audio}
        write_checksums(root / SUMS, {name: digest for name, digest in hashed.items() if name in virtual})


def manifest_path(root: Path, split: str) -> Path:
    """Where a split's manifest with absolute paths lies."""
    return root / FOLDER / split / "data.jsonl.gz"


def audio_path(root: Path, item_id: str) -> Path:
    """Where an item's file lies."""
    return (root / manifest.item_path(item_id)).with_suffix(".flac")


def _slim_items(root: Path, split: str) -> list[Item]:
    """A split's items without what is not needed here: a large data set has many."""
    bar = tqdm(manifest.items_of(root, split), f"read {split}", len(manifest.read_split(root, split)), unit="item")
    return [replace(item, activity={}, references=(), tags=None, caption=None, description=None) for item in bar]


def _link(source: Path, path: Path) -> None:
    if path.exists():
        return
    if not source.is_file():
        raise UserError(f"{source} is missing: expected the data set's source there, or say where it is (relocate)")
    path.unlink(missing_ok=True)  # a link to a source that has moved
    path.symlink_to(source)


def _write_flacs(root: Path, base: Path, items: Sequence[Item]) -> dict[str, str]:
    """Write the virtual items of one track and rate, those that are not there yet; returns the hashes of all."""
    missing = [item for item in items if not audio_path(root, item.id).exists()]
    sums = [
        Sum(
            audio_path(root, item.id), tuple((base / stem.path, stem.gain) for stem in item.stems),
            round(item.duration * item.sample_rate),
        )
        for item in missing
    ]  # fmt: skip
    if sums:
        write_sums(sums, items[0].sample_rate)
    return {f"items/{item.id}.flac": digest_of(audio_path(root, item.id)) for item in items}


def _lines(root: Path, items: Iterable[Item]) -> Iterable[dict[str, object]]:
    return (line_of(root, manifest.meta_line(item)) for item in items)


def line_of(root: Path, meta: Mapping[str, object]) -> dict[str, object]:
    """An item's line in the manifest with absolute paths, from that in the manifest with relative ones."""
    path = (root.resolve() / str(meta["info_path"])).with_suffix(".flac")
    return {**meta, "path": str(path), "info_path": None}

"""A data set as plain files, for stock audiocraft and other programs that know no virtual items.

`ROOT/items/ID.flac` beside each sidecar: a link to the source's file where one holds the item, the stems' sum as FLAC
where none does. `ROOT/files/SPLIT/data.jsonl.gz` is a manifest with absolute paths, since stock audiocraft looks for an
item's sidecar beside its audio and knows no root. `ROOT/files/SHA256SUMS` has the hash of every FLAC that was written:
`sha256sum --check files/SHA256SUMS` in the data set's folder.
"""

import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from tqdm import tqdm

from ..audio.mixdown import Sum, write_sums
from ..errors import UserError
from ..items.item import Item
from ..runtime import atomic, locks
from ..runtime.checksums import digest_of, read_checksums, write_checksums
from ..runtime.process_pool import parallel_map
from ..runtime.shards import Shard
from . import manifest
from .source_links import require_held

FOLDER = "files"
SUMS = f"{FOLDER}/SHA256SUMS"
PARTS = f"{FOLDER}/parts"  # of each shard, until all are together


def materialise(root: Path, workers: int = 2) -> None:
    """Write what is missing of a data set's files, and their manifest.

    Raises:
        UserError: if the data set is broken or worked on by another process, its source cannot be read, or the disk is
            full.
    """
    base = manifest.source_root(root).resolve()
    with locks.alone(root):
        by_split = {split: _slim_items(root, split) for split in manifest.SPLITS}
        items = [item for items in by_split.values() for item in items]
        atomic.remove_leftovers(root, "items", FOLDER)
        hashed = _hashed(root)
        for item in items:
            if item.audio:
                _link(base / item.audio, audio_path(root, item.id))
        hashed.update(_write_missing(root, base, items, hashed, workers))
        for split, of_split in by_split.items():
            atomic.write_json_gz(manifest_path(root, split), _lines(root, of_split))
        virtual = {flac_name(item.id) for item in items if not item.audio}
        write_checksums(root / SUMS, {name: digest for name, digest in hashed.items() if name in virtual})
        shutil.rmtree(root / PARTS, ignore_errors=True)
        locks.forget_shards(root)


def materialise_shard(root: Path, shard: Shard, workers: int = 2) -> int:
    """Write what is missing of the files of one shard's tracks; `materialise` makes the rest. Returns how many it has.

    Raises:
        UserError: if a file cannot be read or written, or another process works on the same shard or the whole.
    """
    base = manifest.source_root(root).resolve()
    with locks.sharing(root, shard.name):
        items = [item for split in manifest.SPLITS for item in _slim_items(root, split) if not item.audio]
        mine = set(shard.of(sorted({item.track for item in items})))
        items = [item for item in items if item.track in mine]
        hashed = _hashed(root)
        hashed.update(_write_missing(root, base, items, hashed, workers))
        names = {flac_name(item.id) for item in items}
        write_checksums(part_path(root, shard), {name: digest for name, digest in hashed.items() if name in names})
    return len(items)


def part_path(root: Path, shard: Shard) -> Path:
    """The list of what a shard has written, which is there once it has written all."""
    return root / PARTS / shard.name


def _hashed(root: Path) -> dict[str, str]:
    """Hashes of the FLACs that are finished, in the list of all and in those of the shards."""
    found: dict[str, str] = {}
    for path in (root / SUMS, *sorted((root / PARTS).glob("shard-*"))):
        if path.is_file():
            found.update(read_checksums(path))
    return found


def _write_missing(
    root: Path, base: Path, items: Iterable[Item], hashed: Mapping[str, str], workers: int
) -> dict[str, str]:
    """Write the virtual items that are missing, or whose hash is; returns the hashes of these."""
    tracks: dict[tuple[str, int], list[Item]] = defaultdict(list)
    for item in items:
        if not item.audio and not (audio_path(root, item.id).exists() and flac_name(item.id) in hashed):
            tracks[item.track, item.sample_rate].append(item)
    jobs = [(root, base, members) for members in tracks.values()]
    written: dict[str, str] = {}
    for digests in parallel_map(_write_flacs, jobs, workers, "materialise"):
        written.update(digests)
    return written


def manifest_path(root: Path, split: str) -> Path:
    """Where a split's manifest with absolute paths lies."""
    return root / FOLDER / split / "data.jsonl.gz"


def audio_path(root: Path, item_id: str) -> Path:
    """Where an item's file lies."""
    return (root / manifest.item_path(item_id)).with_suffix(".flac")


def flac_name(item_id: str) -> str:
    """An item's file, relative to the data set's root."""
    return f"items/{item_id}.flac"


def _slim_items(root: Path, split: str) -> list[Item]:
    """A split's items without what is not needed here: a large data set has many."""
    bar = tqdm(manifest.items_of(root, split), f"read {split}", len(manifest.read_split(root, split)), unit="item")
    items = [replace(item, activity={}, references=(), tags=None, caption=None, description=None) for item in bar]
    for item in items:
        require_held(item, root)
    return items


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
    return {flac_name(item.id): digest_of(audio_path(root, item.id)) for item in items}


def _lines(root: Path, items: Iterable[Item]) -> Iterable[dict[str, object]]:
    return (line_of(root, manifest.meta_line(item)) for item in items)


def line_of(root: Path, meta: Mapping[str, object]) -> dict[str, object]:
    """An item's line in the manifest with absolute paths, from that in the manifest with relative ones."""
    path = (root.resolve() / str(meta["info_path"])).with_suffix(".flac")
    return {**meta, "path": str(path), "info_path": None}

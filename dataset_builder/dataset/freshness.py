"""Whether a track's sources are still those that it was made of."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from ..errors import UserError
from ..items.item import Item
from ..items.track_results import VERSION, find_result
from ..runtime.checksums import digest_of
from ..sources.registry import READERS
from ..sources.track_files import Stamp, stamps_of
from .manifest import read_origin, reader_of, source_root
from .source_links import follows_links, require_held
from .source_record import SourceFile, SourceRecord, find_record, write_record

_LARGEST = 1 << 37  # bytes: a day at 192 kHz has as many, and what is longer no reader reads


@dataclass(frozen=True)
class TrackSource:
    """Where a track comes from, and what makes items of it.

    Attributes:
        root: the source's folder.
        folder: of the track, in it.
        split: of the track.
        reader: a name in `READERS`.
        follow_links: whether files are read that a link in the track leads to elsewhere.
    """

    root: Path
    folder: Path
    split: str
    reader: str
    follow_links: bool

    @property
    def id(self) -> str:
        """The track's."""
        return self.folder.name


@dataclass(frozen=True)
class Comparison:
    """What a track was made of, and what there is now.

    Attributes:
        known: what it was made of; where there is no record, what there is now, in the place that its items name.
        now: what there is.
        recorded: whether there is a record.
    """

    known: SourceRecord
    now: SourceRecord
    recorded: bool

    @property
    def changes(self) -> tuple[str, ...]:
        """What has changed, such as `stems/S03.flac changed`."""
        return tuple(_changes(self.known, self.now))

    def keep(self, out: Path, track_id: str) -> None:
        """Record what there is now as what the track was made of, if the record does not say so already."""
        if self.now != self.known or not self.recorded:
            write_record(out, track_id, self.now)


def compare(out: Path, source: TrackSource, *, to_keep: bool = True) -> Comparison:
    """Compare a track's sources with those that it was made of; what is read is what has another size or time.

    Args:
        out: the data set's folder.
        source: the track's.
        to_keep: whether the caller will record what is found; if not, of a track without record nothing is read.
    """
    known = find_record(out, source.id)
    files = known.files if known else {}
    stamps = stamps_of(source.folder, source.follow_links)
    folder = source.folder.relative_to(source.root).as_posix()
    made_by = f"{source.reader} {READERS[source.reader].version}, items {VERSION}"
    read = to_keep or known is not None
    found = (_file(source.folder, name, stamp, files, read) for name, stamp in stamps.items())
    record = SourceRecord(source.split, folder, made_by, dict(found))
    return Comparison(known or _as_its_items_say(out, source.id, record), record, known is not None)


def audio_digests(root: Path, items: Sequence[Item]) -> dict[str, str]:
    """SHA-256 of the audio files of items of one track, by their paths below the source's root.

    What had to be read for them is recorded, so that nobody reads it again; unless the source has changed since the
    build, which the next build is to notice.

    Args:
        root: the data set's folder.
        items: of one track.

    Raises:
        UserError: if a file is missing, is a link out of the source, or in no folder of the track.
    """
    base = source_root(root)
    for item in items:
        require_held(item, root)
    source = _source_of(root, base, items[0])
    found = compare(root, source)
    if not found.changes:
        with suppress(OSError):  # a data set of which one may only read
            found.keep(root, source.id)
    digests = {f"{found.now.folder}/{name}": file.digest for name, file in found.now.files.items()}
    wanted = {path for item in items for path in item.files}
    if missing := sorted(path for path in wanted if not digests.get(path)):
        raise UserError(
            f"{base / missing[0]} cannot be read: expected the source of {root} there (relocate says where)"
        )
    return {path: digests[path] for path in wanted}


def _source_of(root: Path, base: Path, item: Item) -> TrackSource:
    """Where the track of an item of a finished data set comes from.

    Raises:
        UserError: if `dataset.json` names no known source, or the item's files are not in a folder of its track.
    """
    folder = base / _folder_of(item)
    if folder.name != item.track:
        raise UserError(
            f"{root}: the files of {item.id} are in {folder}, expected a folder {item.track}: build it again"
        )
    follow = follows_links(read_origin(root).settings.get("policy", ()))
    return TrackSource(base, folder, item.split, reader_of(root), follow)


def _folder_of(item: Item) -> str:
    """The folder of an item's track, relative to the source's root."""
    place = Path(item.audio or item.stems[0].path).parent
    return (place if place.name == item.track else place.parent).as_posix()


def _as_its_items_say(out: Path, track_id: str, now: SourceRecord) -> SourceRecord:
    """What a track without record was made of: what there is, but of the split and folder that its items name."""
    result = find_result(out, track_id)
    if result is None or not result.items:
        return now
    return replace(now, split=result.items[0].split, folder=_folder_of(result.items[0]))


def _file(folder: Path, name: str, stamp: Stamp, files: Mapping[str, SourceFile], read: bool) -> tuple[str, SourceFile]:
    """A file's name, as it can be printed, and the file; what has an equal stamp in `files` is not read."""
    printed = name if name.isprintable() else ascii(name)[1:-1]
    known = files.get(printed)
    if known is not None and known.stamp == stamp:
        return printed, known
    try:
        digest = digest_of(folder / name) if read and stamp.size <= _LARGEST else ""
    except (OSError, ValueError):  # whoever is to use it says why it cannot be read
        digest = ""
    return printed, SourceFile(stamp, digest)


def _changes(known: SourceRecord, now: SourceRecord) -> Iterator[str]:
    for name in sorted({*known.files, *now.files}):
        if name not in known.files:
            yield f"{name} was added"
        elif name not in now.files:
            yield f"{name} is gone"
        elif known.files[name].digest != now.files[name].digest:
            yield f"{name} changed"
    if known.split != now.split:
        yield f"moved from {known.split} to {now.split}"
    elif known.folder != now.folder:
        yield f"moved from {known.folder} to {now.folder}"
    if known.made_by != now.made_by:
        yield f"made by another version ({known.made_by}, now {now.made_by})"

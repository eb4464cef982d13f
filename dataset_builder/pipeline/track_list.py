"""Which tracks a data set is made of, and where they are."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..dataset.freshness import TrackSource
from ..dataset.source_links import follows_links
from ..errors import UserError
from ..nano import corpus
from ..sources.registry import READERS
from ..sources.slakh_index import omitted_tracks
from .settings import BuildSettings


@dataclass(frozen=True)
class TrackList:
    """The tracks of a source.

    Attributes:
        reader: a name in `READERS`.
        root: the source's folder.
        recorded: the same as `dataset.json` names it: relative to the data set if it is inside of it.
        tracks: split and folder of each, in order of their names.
        omitted: names of those that are left out as redux does.
    """

    reader: str
    root: Path
    recorded: str
    tracks: tuple[tuple[str, Path], ...]
    omitted: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The tracks' names, in order."""
        return [folder.name for _, folder in self.tracks]


def _corpus(settings: BuildSettings) -> TrackList:
    """The tracks of the embedded corpus, which may have to be rendered yet."""
    works = corpus.select(settings.nano.works)
    folders = [
        (work.split, path) for work in works for _, path in corpus.track_folders(settings.out, work, settings.nano)
    ]
    return TrackList("nano", settings.out / "slakh", "slakh", tuple(sorted(folders, key=lambda pair: pair[1].name)))


def _folder(settings: BuildSettings) -> TrackList:
    """The tracks below a folder.

    Raises:
        UserError: if it is not there or has none.
    """
    reader = READERS[settings.source]
    if settings.root is None or not settings.root.is_dir():
        raise UserError(f"--root {settings.root}: expected {reader.layout}")
    root = settings.root.resolve()
    found = reader.find_tracks(root)
    omitted = {folder.name for _, folder in found if settings.omit and folder.name in omitted_tracks()}
    kept = tuple(track for track in found if track[1].name not in omitted)
    return TrackList(settings.source, root, str(root), kept, tuple(sorted(omitted)))


def _render_corpus(settings: BuildSettings, track_ids: set[str]) -> None:
    corpus.render(settings.out, settings.nano, settings.workers, only=track_ids)


LISTS: dict[str, Callable[[BuildSettings], TrackList]] = {"nano": _corpus}  # of the other sources: a folder's
RENDERERS: dict[str, Callable[[BuildSettings, set[str]], None]] = {"nano": _render_corpus}  # the others are there


def list_tracks(settings: BuildSettings) -> TrackList:
    """The tracks, before anything is written; those that are rendered need not be there yet.

    Raises:
        UserError: if the source is not there or has none.
    """
    return LISTS.get(settings.source, _folder)(settings)


def source_of(settings: BuildSettings, root: Path, split: str, folder: Path) -> TrackSource:
    """Where a track comes from, for whoever compares it with what it was made of."""
    return TrackSource(root, folder, split, settings.source, follows_links(settings.policy))


def render(settings: BuildSettings, track_ids: set[str]) -> None:
    """Make those of the tracks that are rendered, as far as they are not there."""
    if settings.source in RENDERERS:
        RENDERERS[settings.source](settings, track_ids)

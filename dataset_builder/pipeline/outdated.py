"""Which tracks of a data set are no longer made of what their source holds."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from ..dataset import manifest
from ..dataset.finalize import SUMS, remove_result
from ..dataset.freshness import Comparison, TrackSource, compare
from ..dataset.source_record import FOLDER, record_path
from ..errors import UserError
from ..items.track_results import result_path, results_in
from ..runtime.process_pool import parallel_map
from .settings import BuildSettings, recorded
from .track_list import TrackList, list_tracks, source_of

_NAMED = 5  # files of a track that are named
_GONE_UNASKED = 4  # up to one track in so many is removed without --remove-gone
_CHUNK = 8  # tracks of a job: to hand over one takes longer than to compare it


@dataclass(frozen=True)
class Outdated:
    """Tracks that a build would make again, make for the first time, or remove.

    Attributes:
        changed: what has changed of each track that was made of other sources.
        added: tracks that a finished data set has not.
        gone: tracks whose folders are no longer there.
        unrecorded: tracks of which nobody knows what they were made of, with results that may well be right.
    """

    changed: Mapping[str, tuple[str, ...]]
    added: tuple[str, ...]
    gone: tuple[str, ...]
    unrecorded: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.changed or self.added or self.gone)

    def lines(self) -> Iterator[str]:
        """A line for each track."""
        for name, changes in self.changed.items():
            yield f"{name}: {_listed(changes)} since it was built"
        yield from (f"{name}: added since the data set was built" for name in self.added)
        yield from (f"{name}: its folder is gone since it was built" for name in self.gone)
        if self.unrecorded:
            yield (
                f"{len(self.unrecorded)} tracks have no record of their sources in {FOLDER}/: what is there now is "
                "taken as what they were made of"
            )

    def counts(self) -> str:
        """How many tracks there are of each kind."""
        return f"{len(self.changed)} tracks changed, {len(self.added)} added, {len(self.gone)} gone"


def _listed(changes: Sequence[str]) -> str:
    more = len(changes) - _NAMED
    return ", ".join([*changes[:_NAMED], *([f"{more} more"] if more > 0 else [])])


def compare_tracks(
    settings: BuildSettings, source: TrackList, tracks: Iterable[tuple[str, Path]], *, to_keep: bool
) -> dict[str, Comparison]:
    """What each of the tracks that have results was made of, beside what its source holds now; see `compare`."""
    begun = [track for track in tracks if result_path(settings.out, track[1].name).is_file()]
    sources = [source_of(settings, source.root, *track) for track in begun]
    jobs = [(settings.out, sources[start : start + _CHUNK], to_keep) for start in range(0, len(sources), _CHUNK)]
    found = chain.from_iterable(parallel_map(_compare_all, jobs, settings.workers, "sources", "part"))
    return {folder.name: comparison for (_, folder), comparison in zip(begun, found, strict=True)}


def _compare_all(out: Path, sources: Sequence[TrackSource], to_keep: bool) -> list[Comparison]:
    return [compare(out, source, to_keep=to_keep) for source in sources]


def outdated(
    settings: BuildSettings, source: TrackList, tracks: Sequence[tuple[str, Path]], compared: Mapping[str, Comparison]
) -> Outdated:
    """What the comparisons of some tracks come to; which are gone is only told of all of them."""
    changed = {name: found.changes for name, found in compared.items() if found.changes}
    finished = (settings.out / SUMS).is_file()
    added = tuple(folder.name for _, folder in tracks if finished and folder.name not in compared)
    gone = sorted(results_in(settings.out) - set(source.names)) if len(tracks) == len(source.tracks) else ()
    unrecorded = tuple(name for name, found in compared.items() if not found.recorded)
    return Outdated(changed, added, tuple(gone), unrecorded)


def outdated_in(settings: BuildSettings, source: TrackList) -> Outdated:
    """What is out of date in a data set."""
    return outdated(settings, source, source.tracks, compare_tracks(settings, source, source.tracks, to_keep=False))


def outdated_of(out: Path, workers: int) -> Outdated | None:
    """What is out of date in a data set; None if its source is not there. Nothing is written.

    Raises:
        UserError: if there is no data set, or its source holds no tracks.
    """
    settings, base = recorded(out, workers), manifest.source_root(out)
    if not base.is_dir():
        return None
    source = list_tracks(settings if settings.root is None else replace(settings, root=base))
    moved = tuple((split, base / folder.relative_to(source.root)) for split, folder in source.tracks)
    return outdated_in(settings, replace(source, root=base, tracks=moved))


def refuse_if_many_are_gone(settings: BuildSettings, source: TrackList) -> None:
    """See that no large part of the source has vanished, as when a disk is not mounted; nothing is removed.

    Raises:
        UserError: if so, unless the settings say that it is meant; it names one.
    """
    made = results_in(settings.out)
    gone = sorted(made - set(source.names))
    if len(gone) > max(1, len(made) // _GONE_UNASKED) and not settings.remove_gone:
        raise UserError(
            f"{source.root} has no longer {len(gone)} of the {len(made)} tracks that {settings.out} was made of, such "
            f"as {gone[0]}: see that all of it is there, or let --remove-gone remove what was made of them"
        )


def remove_gone(out: Path, source: TrackList) -> None:
    """Remove results and records of tracks that are no longer in the source; their items go with the finish."""
    for name in results_in(out) - set(source.names):
        remove_result(out, name)
        record_path(out, name).unlink(missing_ok=True)


def refuse_if_outdated(settings: BuildSettings, source: TrackList) -> Outdated:
    """See that every track's result is of what its source holds; returns what else has changed.

    Raises:
        UserError: if not; it names one.
    """
    found = outdated_in(settings, source)
    if found.changed:
        name, changes = next(iter(found.changed.items()))
        raise UserError(
            f"{settings.out}: {len(found.changed)} tracks are not what they were when their shards were built, such as "
            f"{name} ({_listed(changes)}): run their shards again (build --shard), then merge again"
        )
    return found

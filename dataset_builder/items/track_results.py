"""What was found in each track, kept in `ROOT/tracks/ID.json` once it is whole: a stopped run goes on where it was."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from ..audit import exclusions as why
from ..audit.exclusions import LeftOut
from ..errors import UserError
from ..runtime import atomic
from ..runtime.untrusted import read_regular
from .item import Item
from .item_format import parse_track

FOLDER = "tracks"
VERSION = 1  # of what is made of a track: whoever changes that raises it, and the next builds make all tracks again
_LARGEST = 1 << 28  # bytes; of Slakh2100 one has half a megabyte


class TrackResult(NamedTuple):
    """A track's items, and what of it was left out."""

    items: list[Item]
    left_out: list[LeftOut]

    def mendable(self, but: str | None = None) -> bool:
        """Whether something could not be read that somebody may have mended since, for any reason but one."""
        return any(line.reason in why.MENDABLE - {but} for line in self.left_out)


class TrackResults:
    """The results of a data set's tracks for one process: each file is read once at most, and then stays in memory.

    Args:
        out: the data set's folder.
        known: results that are in memory already and equal their files, by track.
    """

    def __init__(self, out: Path, known: Mapping[str, TrackResult] | None = None):
        self.out = out
        self._known = dict(known or {})

    def __getitem__(self, track_id: str) -> TrackResult:
        """A track's result.

        Raises:
            UserError: if it is not there or torn.
        """
        if track_id not in self._known:
            self._known[track_id] = read_result(self.out, track_id)
        return self._known[track_id]

    def known(self, track_id: str) -> TrackResult | None:
        """A track's result if it is in memory; None if whoever wants it has to read its file."""
        return self._known.get(track_id)

    def update(self, track_id: str, result: TrackResult) -> None:
        """Put another result in the place of a track's, also on disk; one that is equal is not written again."""
        if result != self[track_id]:
            write_result(self.out, track_id, result)
            self._known[track_id] = result


def result_path(out: Path, track_id: str) -> Path:
    """Where a track's result is."""
    return out / FOLDER / f"{track_id}.json"


def results_in(out: Path) -> set[str]:
    """The tracks that have results, torn ones too."""
    return {path.stem for path in (out / FOLDER).glob("[!.]*.json")}


def write_result(out: Path, track_id: str, result: TrackResult) -> None:
    """Write a track's result."""
    values = {name: [value.to_json() for value in values] for name, values in result._asdict().items()}
    atomic.write_record(result_path(out, track_id), values)


def find_result(out: Path, track_id: str) -> TrackResult | None:
    """A track's result; None if there is none yet, or it is torn or another version's."""
    try:
        return _read(out, track_id)
    except (OSError, ValueError):
        return None


def read_result(out: Path, track_id: str) -> TrackResult:
    """A track's result.

    Raises:
        UserError: if it is not there or torn.
    """
    try:
        return _read(out, track_id)
    except (OSError, ValueError) as error:
        path = result_path(out, track_id)
        raise UserError(f"{path} is missing or torn ({error}): run the build again") from error


def _read(out: Path, track_id: str) -> TrackResult:
    """A track's result; it holds no other track's items.

    Raises:
        OSError: if it is not there.
        ValueError: if a stranger could have written it so, but no build.
    """
    result = TrackResult(*parse_track(read_regular(result_path(out, track_id), _LARGEST)))
    if strange := [item for item in result.items if item.track != track_id]:
        raise ValueError(f"item {strange[0].id!a}: track is {strange[0].track!a}, expected {track_id!a}")
    return result

"""What was found in each track, kept in `ROOT/tracks/ID.json` once it is whole: a stopped run goes on where it was."""

import json
from pathlib import Path
from typing import NamedTuple

from ..audit import exclusions as why
from ..audit.exclusions import LeftOut
from ..errors import UserError
from ..runtime import atomic
from .item import Item

FOLDER = "tracks"


class TrackResult(NamedTuple):
    """A track's items, and what of it was left out."""

    items: list[Item]
    left_out: list[LeftOut]

    def mendable(self, but: str | None = None) -> bool:
        """Whether something could not be read that somebody may have mended since, for any reason but one."""
        return any(line.reason in why.MENDABLE - {but} for line in self.left_out)


def result_path(out: Path, track_id: str) -> Path:
    """Where a track's result is."""
    return out / FOLDER / f"{track_id}.json"


def write_result(out: Path, track_id: str, result: TrackResult) -> None:
    """Write a track's result."""
    values = {name: [value.to_json() for value in values] for name, values in result._asdict().items()}
    atomic.write_record(result_path(out, track_id), values)


def parse_result(data: bytes) -> TrackResult:
    """A track's result from its file.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: if it is torn, or another version's.
    """
    values = json.loads(data)
    return TrackResult([Item.from_json(item) for item in values["items"]], [LeftOut(**x) for x in values["left_out"]])


def find_result(out: Path, track_id: str) -> TrackResult | None:
    """A track's result; None if there is none yet, or it is torn or another version's."""
    try:
        return parse_result(result_path(out, track_id).read_bytes())
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError):
        return None


def read_result(out: Path, track_id: str) -> TrackResult:
    """A track's result.

    Raises:
        UserError: if it is not there or torn.
    """
    result = find_result(out, track_id)
    if result is None:
        raise UserError(f"{result_path(out, track_id)} is missing or torn: run the build again")
    return result

"""Where tracks come from: a reader for each kind of source."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import slakh, stems
from .track import Track


@dataclass(frozen=True)
class Reader:
    """How a source is read.

    Attributes:
        find_tracks: from the source's root to split and folder of every track, in order of their names.
        read_track: from a track's folder and split to the track.
        layout: what is expected, for errors.
    """

    find_tracks: Callable[[Path], list[tuple[str, Path]]]
    read_track: Callable[[Path, str], Track]
    layout: str


_SLAKH = Reader(slakh.find_tracks, slakh.read_track, "Slakh2100's folder, see http://www.slakh.com")
READERS: dict[str, Reader] = {
    "nano": _SLAKH,  # the embedded corpus is rendered in Slakh's layout
    "slakh": _SLAKH,
    "stems": Reader(stems.find_tracks, stems.read_track, "a folder with a folder of stems for each track"),
}

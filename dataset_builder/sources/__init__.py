"""Where tracks come from: a reader for each kind of source."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from . import slakh
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


def _find_stems(root: Path) -> list[tuple[str, Path]]:
    from . import stems  # with it comes pydantic, which would make every build start a tenth of a second later

    return stems.find_tracks(root)


def _read_stems(folder: Path, split: str) -> Track:
    from . import stems

    return stems.read_track(folder, split)


_SLAKH = Reader(slakh.find_tracks, slakh.read_track, "Slakh2100's folder, see http://www.slakh.com")
READERS: dict[str, Reader] = {
    "nano": _SLAKH,  # the embedded corpus is rendered in Slakh's layout
    "slakh": _SLAKH,
    "stems": Reader(_find_stems, _read_stems, "a folder with a folder of stems for each track"),
}

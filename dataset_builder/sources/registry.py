"""Where tracks come from: a reader for each kind of source."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from . import slakh
from .splits import SPLITS
from .track import Track

_LONGEST_NAME = 120  # bytes of a track's name: files are named after it and its stem, of 255 bytes at most


@dataclass(frozen=True)
class Reader:
    """How a source is read.

    Attributes:
        find: from the source's root to split and folder of every track, in order of their names.
        read_track: from a track's folder and split to the track.
        layout: what is expected, for errors.
        split_cure: how a track is put into a split, for warnings.
        version: whoever makes it read other tracks from the same files raises it: the next builds read all again.
    """

    find: Callable[[Path], list[tuple[str, Path]]]
    read_track: Callable[[Path, str], Track]
    layout: str
    split_cure: str
    version: int = 1

    def find_tracks(self, root: Path) -> list[tuple[str, Path]]:
        """Split and folder of every track below `root`, in order of their names.

        Raises:
            UserError: if there is none, or one has a name after which no files can be named.
        """
        if not root.is_dir():
            raise UserError(f"{root} is not a folder: expected {self.layout}")
        tracks = self.find(root)
        for _, folder in tracks:
            name = folder.name
            if not name.isprintable() or name.startswith(".") or len(name.encode()) > _LONGEST_NAME:
                raise UserError(
                    f"a track is called {name!a}: expected at most {_LONGEST_NAME} bytes of UTF-8 "
                    "without control characters, no dot in front: rename its folder"
                )
        return tracks


def _find_stems(root: Path) -> list[tuple[str, Path]]:
    from . import own_stems  # with it comes pydantic, which would make every build start a tenth of a second later

    return own_stems.find_tracks(root)


def _read_stems(folder: Path, split: str) -> Track:
    from . import own_stems

    return own_stems.read_track(folder, split)


_SLAKH = Reader(
    slakh.find_tracks, slakh.read_track, "Slakh2100's folder, see http://www.slakh.com",
    "put all tracks' folders into train/, validation/ and test/ of the source",
)  # fmt: skip
READERS: dict[str, Reader] = {
    "nano": _SLAKH,  # the embedded corpus is rendered in Slakh's layout
    "slakh": _SLAKH,
    "stems": Reader(
        _find_stems, _read_stems, "a folder with a folder of stems for each track",
        "say `split: NAME` in a track's track.yaml, or put its folder into NAME/ of the source",
        version=2,
    ),
}  # fmt: skip


def empty_splits(source: str, present: Collection[str]) -> str | None:
    """A line about splits without tracks, and what to do about it; None if there are none.

    Args:
        source: a name in `READERS`.
        present: the splits that have tracks.
    """
    if lacking := [split for split in SPLITS if split not in present]:
        return f"no track is in {' and none in '.join(lacking)}, which training wants: {READERS[source].split_cure}"
    return None

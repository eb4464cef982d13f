"""Which files a track's folder holds for a reader, with their sizes and times: none is opened."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from .track import is_held

FOLDERS = ("", "stems", "MIDI", "midi")  # of a track, in which readers look
AUDIO = (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff")
MIDI = (".mid", ".midi")
_DESCRIPTIONS = (".yaml", ".json")
_READ = (*AUDIO, *MIDI, *_DESCRIPTIONS)  # other files, such as a sequencer's project, decide nothing


class Stamp(NamedTuple):
    """By what a file is taken to be the same without being read: its bytes, and when they changed in nanoseconds."""

    size: int
    changed: int


def stamps_of(folder: Path, follow_links: bool) -> dict[str, Stamp]:
    """The files of a track that a reader may read, by their paths in its folder; none if that is not there.

    Args:
        folder: of the track.
        follow_links: whether links count that lead out of the folder.
    """
    return {name: stamp for inside in FOLDERS for name, stamp in _stamps_in(folder, inside, follow_links)}


def _stamps_in(folder: Path, inside: str, follow_links: bool) -> Iterator[tuple[str, Stamp]]:
    place = folder / inside
    with suppress(OSError), os.scandir(place) as entries:  # a folder that cannot be read gives no reader any file
        linked = bool(inside) and place.is_symlink()
        for entry in entries:
            if entry.name.startswith(".") or not entry.name.lower().endswith(_READ):
                continue
            if (linked or entry.is_symlink()) and not (follow_links or is_held(folder, place / entry.name)):
                continue
            with suppress(OSError):  # it is gone meanwhile, or a link that leads nowhere
                if entry.is_file():
                    stat = entry.stat()
                    yield os.path.join(inside, entry.name), Stamp(stat.st_size, stat.st_mtime_ns)  # noqa: PTH118

"""What Slakh2100 consists of as published: which stems of which track are rendered, and which tracks redux omits.

Counts can be planned, and a copy can be compared with it, before a byte is downloaded. The facts were taken from the
index in the wheel of mirdata 0.3.8 (https://github.com/mir-dataset-loaders/mirdata), later versions of which download
theirs; `slakh_index.json` holds them in short.
"""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

INDEX = Path(__file__).with_name("slakh_index.json")
VERSIONS = ("redux", "original")


@dataclass(frozen=True)
class PublishedTrack:
    """A track of the published data set.

    Attributes:
        id: for instance `Track00001`.
        split: train | valid | test; in redux as in the original.
        omitted: whether redux leaves it out, since its MIDI file is also in another split.
        stems: ids of the rendered stems, in order.
    """

    id: str
    split: str
    omitted: bool
    stems: tuple[str, ...]


@cache
def _all() -> tuple[PublishedTrack, ...]:
    index = json.loads(INDEX.read_text())
    omitted = set(index["omitted"])
    splits = {number: split for split, (first, last) in index["splits"].items() for number in range(first, last + 1)}
    return tuple(
        PublishedTrack(f"Track{number:05d}", splits[number], number in omitted, _stems(int(mask, 16)))
        for number, mask in enumerate(index["rendered"], start=1)
    )


def _stems(mask: int) -> tuple[str, ...]:
    return tuple(f"S{number:02d}" for number in range(mask.bit_length()) if mask >> number & 1)


def published(version: str) -> list[PublishedTrack]:
    """The tracks of a version (`redux` or `original`), in order."""
    if version not in VERSIONS:
        raise ValueError(f"no version {version!r} of Slakh2100, known: {', '.join(VERSIONS)}")
    return [track for track in _all() if version == "original" or not track.omitted]


@cache
def omitted_tracks() -> frozenset[str]:
    """Names of the tracks that redux omits."""
    return frozenset(track.id for track in _all() if track.omitted)

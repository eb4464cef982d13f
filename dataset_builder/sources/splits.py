"""Splits of tracks for which the source gives none."""

from collections.abc import Sequence
from pathlib import Path

from ..seeds import rng_for

SPLITS = ("train", "valid", "test")
_TEST, _HELD_OUT = 0.1, 0.2  # draws below the first are of test, below the second of valid: a tenth of the tracks each


def draw_splits(folders: Sequence[Path]) -> list[tuple[str, Path]]:
    """Splits by the folders' names alone: a track keeps its own, whichever others are added or removed.

    So a split may have no track, if there are few.

    Args:
        folders: of the tracks.
    """
    return [(_drawn(path.name), path) for path in folders]


def _drawn(name: str) -> str:
    draw = float(rng_for("split", name).random())
    return "test" if draw < _TEST else "valid" if draw < _HELD_OUT else "train"

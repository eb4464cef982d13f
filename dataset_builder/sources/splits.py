"""Splits of tracks for which the source gives none."""

from collections.abc import Collection, Sequence
from pathlib import Path

from ..seeds import rng_for

SHARES = {"test": 0.1, "valid": 0.1}  # of the tracks; the others train
FEWEST = 3  # tracks of which one is held out for each split


def draw_splits(folders: Sequence[Path], present: Collection[str] = ()) -> list[tuple[str, Path]]:
    """Splits by the folders' names, so that a track keeps its own when others are added.

    Every split gets a track if there are `FEWEST`, since training needs them; fewer all train.

    Args:
        folders: of the tracks.
        present: splits that have tracks already.
    """
    if len(folders) < FEWEST:
        return [("train", path) for path in folders]
    draws = {path: float(rng_for("split", path.name).random()) for path in folders}
    left = sorted(folders, key=lambda path: draws[path])
    drawn: list[tuple[str, Path]] = []
    low = 0.0
    for split, share in SHARES.items():
        chosen = [path for path in left if draws[path] < low + share]
        if not chosen and split not in present:
            chosen = left[:1]
        drawn += [(split, path) for path in chosen]
        left = [path for path in left if path not in chosen]
        low += share
    return drawn + [("train", path) for path in left]

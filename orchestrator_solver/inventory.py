"""Which instruments a data set teaches."""

from pathlib import Path

from dataset_builder import manifest
from dataset_builder.vocabulary import ordered


def instruments_of(root: Path) -> list[str]:
    """Classes that sound in the training split, in the vocabulary's order."""
    return list(ordered(name for item in manifest.load(root, "train") for name in item.instruments))

"""Which composition an item belongs to: what intervals resample, since movements of one quartet are alike."""

from collections.abc import Callable
from pathlib import Path

from dataset_builder.dataset import manifest
from dataset_builder.items.item import Item
from dataset_builder.nano import corpus


def work_namer(root: Path) -> Callable[[Item], str]:
    """From an item of the data set `root` to its composition's name: of other sources than nano, its track's.

    Raises:
        UserError: if there is no data set.
    """
    if manifest.read_origin(root).settings.get("source") == "nano":
        return lambda item: corpus.work_of(item.track).group
    return lambda item: item.track

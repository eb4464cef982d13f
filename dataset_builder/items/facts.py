"""What is known of an item when it is described."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Facts:
    """What is known of an item.

    Attributes:
        item_id: seeds the wording of a template.
        caption: what a captioner says.
        tags: the captioner's probabilities.
        bpm: quarters a minute.
        key: as music21 names it.
    """

    item_id: str
    caption: str | None
    tags: Mapping[str, float] | None
    bpm: float | None
    key: str | None

"""Which items of a track can serve as reference of which other, and how much melody they carry."""

from collections.abc import Mapping, Sequence

from ..audio.spans import shared, union
from .item import Item, Reference

LEAST_SHARE = 0.5  # of the time in which an item sounds, its reference must sound too


def references_of(items: Sequence[Item], melody: Mapping[str, float]) -> dict[str, tuple[Reference, ...]]:
    """For each item of a track, by id, the others that can serve as its reference, those with most melody first.

    They carry a melody (drums alone do not) and sound for at least half of the time in which the item sounds. The
    reference of a stem may be another stem, that of a mix one of its own stems: to get the melody of one and the
    instruments of the other is what the model is for.

    Args:
        items: all items of a track.
        melody: how much each stem carries, 0..1, by stem id; of several stems together it is the mean.
    """
    sounding = {item.id: union(*item.activity.values()) for item in items}
    carried = [Reference(item.id, _melody(item, melody)) for item in items]
    ranked = sorted(
        (reference for reference in carried if reference.melody > 0),
        key=lambda reference: (-reference.melody, reference.item),
    )
    found = {}
    for item_id, target in sounding.items():
        needed = LEAST_SHARE * sum(end - start for start, end in target)
        found[item_id] = tuple(
            other for other in ranked if other.item != item_id and shared(target, sounding[other.item]) >= needed
        )
    return found


def _melody(item: Item, melody: Mapping[str, float]) -> float:
    return round(sum(melody.get(stem.id, 0.0) for stem in item.stems) / max(1, len(item.stems)), 4)

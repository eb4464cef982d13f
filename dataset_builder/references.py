"""Which items of a track can serve as reference of which other, and how much melody they carry."""

from collections.abc import Mapping, Sequence

from .items import Item, Reference, Spans, overlap, union

LEAST_SHARE = 0.5  # of the time in which an item sounds, its reference must sound too


def references_of(item: Item, items: Sequence[Item], melody: Mapping[str, float]) -> tuple[Reference, ...]:
    """The other items of the track that can serve as reference of `item`, those with most melody first.

    They carry a melody (drums alone do not) and sound for at least half of the time in which the item sounds. The
    reference of a stem may be another stem, that of a mix one of its own stems: to get the melody of one and the
    instruments of the other is what the model is for.

    Args:
        item: the target.
        items: all items of its track.
        melody: how much each stem carries, 0..1, by stem id; of several stems together it is the mean.
    """
    target = union(*item.activity.values())
    needed = LEAST_SHARE * sum(end - start for start, end in target)
    found = []
    for other in items:
        score = round(sum(melody.get(stem.id, 0.0) for stem in other.stems) / max(1, len(other.stems)), 4)
        if other.id != item.id and score > 0 and shared(target, union(*other.activity.values())) >= needed:
            found.append(Reference(other.id, score))
    return tuple(sorted(found, key=lambda reference: (-reference.melody, reference.item)))


def shared(spans: Spans, others: Spans) -> float:
    """Seconds that both cover; the spans of each do not overlap."""
    return sum(overlap(others, start, end) for start, end in spans)

"""Works of a data set: which composition an item is of, and so many hours of them."""

from collections.abc import Callable, Sequence
from pathlib import Path

from dataset_builder.dataset import manifest
from dataset_builder.errors import UserError
from dataset_builder.items.item import Item
from dataset_builder.seeds import seed_of


def work_namer(root: Path) -> Callable[[Item], str]:
    """From an item of the data set `root` to its composition's name: of other sources than nano, its track's.

    Raises:
        UserError: if there is no data set.
    """
    if manifest.read_origin(root).settings.get("source") == "nano":
        from dataset_builder.nano import corpus

        return lambda item: corpus.work_of(item.track).group
    return lambda item: item.track


def of_hours(items: Sequence[Item], work_of: Callable[[Item], str], hours: float) -> list[Item]:
    """The items of whole works, whose tracks last so many hours together, or by the last of the works a little more.

    Which works follows from their names alone: what fewer hours hold is in what more hours hold, whatever the run's
    seed.

    Args:
        items: of a split.
        work_of: see `work_namer`.
        hours: of tracks, in which a stem or a submix does not count beside its mix.

    Raises:
        UserError: if there are not so many.
    """
    seconds: dict[str, dict[str, float]] = {}  # of tracks, by work
    for item in items:
        tracks = seconds.setdefault(work_of(item), {})
        tracks[item.track] = max(item.duration, tracks.get(item.track, 0.0))
    there = sum(sum(tracks.values()) for tracks in seconds.values())
    if not 0 < hours * 3600 <= there:
        raise UserError(f"orchestrator.hours={hours:g}, and the tracks to train on last {there / 3600:.3g} hours: "
                        "expected no more, and more than 0; null for all")  # fmt: skip
    kept, total = set(), 0.0
    for work in sorted(seconds, key=lambda work: seed_of("hours", work)):
        if total >= hours * 3600:
            break
        kept.add(work)
        total += sum(seconds[work].values())
    return [item for item in items if work_of(item) in kept]

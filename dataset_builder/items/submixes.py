"""Which stems are played together: 2, 3 and 4 instruments chosen at random, the paper's submixes."""

from collections.abc import Sequence
from itertools import combinations
from math import comb

from ..seeds import rng_for
from .grouping import Part

SIZES = (2, 3, 4)
_ENUMERATE = 3000  # up to so many combinations are listed, beyond they are drawn
_TRIES = 100  # draws for each submix that is wanted


def choose(track_id: str, parts: Sequence[Part], size: int, count: int) -> list[tuple[Part, ...]]:
    """Distinct groups of parts, each of `size` different instruments; fewer than `count` if there are no more.

    The first groups are the same whatever `count` is, so that asking for more keeps those that were there.

    Args:
        track_id: seeds the draw.
        parts: those that may be chosen, see `parts_of`.
        size: instruments in a group.
        count: how many groups.
    """
    rng = rng_for(track_id, "submix", size)
    if comb(len(parts), size) <= _ENUMERATE:
        possible = [group for group in combinations(parts, size) if _differ(group)]
        return [possible[index] for index in rng.permutation(len(possible))[:count]]
    found: dict[tuple[str, ...], tuple[Part, ...]] = {}
    for _ in range(_TRIES * count):
        group = tuple(parts[index] for index in sorted(rng.choice(len(parts), size, replace=False)))
        if _differ(group):
            found.setdefault(tuple(part.id for part in group), group)
        if len(found) == count:
            break
    return list(found.values())


def _differ(group: Sequence[Part]) -> bool:
    return len({part.instrument for part in group}) == len(group)

"""Which stems are played together: 2, 3 and 4 instruments chosen at random, the paper's submixes."""

from collections.abc import Sequence
from itertools import combinations
from math import comb

from .seeds import rng_for
from .sources.slakh import Stem

SIZES = (2, 3, 4)
_ENUMERATE = 3000  # up to so many combinations are listed, beyond they are drawn


def choose(track_id: str, stems: Sequence[Stem], per_size: int) -> list[tuple[Stem, ...]]:
    """Distinct submixes of stems of different instruments, `per_size` of each size where there are as many.

    Args:
        track_id: seeds the draw.
        stems: those that may be chosen, each with an instrument.
        per_size: how many of each size.
    """
    chosen: list[tuple[Stem, ...]] = []
    for size in SIZES:
        rng = rng_for(track_id, "submix", size)
        if comb(len(stems), size) <= _ENUMERATE:
            possible = [group for group in combinations(stems, size) if _differ(group)]
            picks = [possible[i] for i in rng.permutation(len(possible))[:per_size]]
        else:
            found: dict[tuple[str, ...], tuple[Stem, ...]] = {}
            for _ in range(100 * per_size):
                group = tuple(stems[i] for i in sorted(rng.choice(len(stems), size, replace=False)))
                if _differ(group):
                    found.setdefault(tuple(stem.id for stem in group), group)
                if len(found) == per_size:
                    break
            picks = list(found.values())
        chosen += picks
    return chosen


def _differ(group: Sequence[Stem]) -> bool:
    return len({stem.instrument for stem in group}) == len(group)

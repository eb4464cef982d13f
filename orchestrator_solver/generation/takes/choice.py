"""Which of several takes of one request is the best, by what is heard in them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ..recordings import Recording
from .ranking import Ranking

DEFAULT = Ranking()
FOLLOWS = 0.25  # of SIM: a take below it leaves the tune in three moments of four


@dataclass(frozen=True)
class Choice:
    """Takes, the best one first.

    Attributes:
        takes: with `rank` and `total` in their records, if there is more than one.
        weights: that the totals were made with, by heading.
    """

    takes: tuple[Recording, ...]
    weights: dict[str, float]

    @property
    def best(self) -> Recording:
        """The first of them."""
        return self.takes[0]

    def explained(self) -> str:
        """What the total is made of, for a line of text."""
        return " + ".join(f"{weight:.2f} x {heading}" for heading, weight in self.weights.items())


def choose(takes: Sequence[Recording], ranking: Ranking = DEFAULT) -> Choice:
    """Rank takes of one request by the weighted mean of their scores.

    A score that is not defined for one of them (of drums there is no melody) is left out for all.

    Args:
        takes: scored; at least one.
        ranking: what their scores weigh.
    """
    if len(takes) == 1:
        return Choice(tuple(takes), {})
    given = {
        heading: weight
        for heading, weight in ranking.by_heading.items()
        if all(take.record["scores"].get(heading) is not None for take in takes)
    }
    whole = sum(given.values()) or 1.0
    shares = {heading: weight / whole for heading, weight in given.items()}
    totals = [sum(share * take.record["scores"][heading] for heading, share in shares.items()) for take in takes]
    order = sorted(range(len(takes)), key=lambda place: -totals[place])
    ranked = [
        replace(takes[place], record={**takes[place].record, "rank": rank, "total": round(totals[place], 4)})
        for rank, place in enumerate(order, start=1)
    ]
    return Choice(tuple(ranked), shares)


def strays(take: Recording) -> str | None:
    """A line about a take that does not follow its reference, none about one that does."""
    sim = take.record["scores"].get("SIM")
    if sim is None or sim >= FOLLOWS:
        return None
    return f"this take follows the tune in few moments (SIM {sim:.2f}): take another seed, or a higher --follow-melody"

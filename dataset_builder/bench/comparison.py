"""Two ways of doing the same, timed in turns, so that what else the machine does falls on both."""

import gc
import sys
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Any

from tqdm import tqdm


@dataclass(frozen=True)
class Comparison:
    """Seconds of wall time of every repeat `[N]`, ours and theirs in turns.

    Attributes:
        what: was done.
        ours: how we did it.
        theirs: what it is compared with.
        our_seconds: of each repeat.
        their_seconds: of each repeat.
    """

    what: str
    ours: str
    theirs: str
    our_seconds: tuple[float, ...]
    their_seconds: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Our time over theirs, repeat by repeat `[N]`."""
        return tuple(our / their for our, their in zip(self.our_seconds, self.their_seconds, strict=True))

    @property
    def ratio(self) -> float:
        """The median of the ratios."""
        return median(self.ratios)

    def text(self) -> str:
        """The comparison for a terminal."""
        width = max(len(self.ours), len(self.theirs))
        faster = f"{1 / self.ratio:.0f} times faster" if self.ratio < 0.1 else f"{self.ratio:.3f} of the time"
        return "\n".join(
            [
                self.what,
                f"  {self.ours:{width}}  {median(self.our_seconds):10.4f} s",
                f"  {self.theirs:{width}}  {median(self.their_seconds):10.4f} s",
                f"  {faster} (repeats: {', '.join(f'{ratio:.4g}' for ratio in self.ratios)})",
            ]
        )

    def to_json(self) -> dict[str, Any]:
        """All of it, as plain values for JSON."""
        return {**vars(self), "ratios": self.ratios, "ratio": self.ratio}


def compare(
    what: str, ours: tuple[str, Callable[[], object]], theirs: tuple[str, Callable[[], object]], repeats: int
) -> Comparison:
    """Time two functions in turns, the one first and then the other.

    Args:
        what: is done.
        ours: our way's name, and a function that does it.
        theirs: the other way's.
        repeats: how often.
    """
    sides = [(ours[1], list[float]()), (theirs[1], list[float]())]
    with tqdm(total=2 * repeats, desc=what, unit="turn", disable=not sys.stderr.isatty()) as bar:
        for repeat in range(repeats):
            for function, seconds in sides if repeat % 2 == 0 else sides[::-1]:
                gc.collect()  # the other side's garbage
                start = perf_counter()
                function()
                seconds.append(perf_counter() - start)
                bar.update()
    return Comparison(what, ours[0], theirs[0], tuple(sides[0][1]), tuple(sides[1][1]))

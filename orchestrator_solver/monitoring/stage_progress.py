"""How far a stage is: a bar with time left in a terminal, lines with time left in a log."""

import sys
import time
from collections.abc import Iterator
from typing import Any

import flashy
from flashy.logging import LogProgressBar
from tqdm import tqdm


class TimeLeftBar(LogProgressBar):
    """flashy's lines of a stage, which also say how long it will still take; in a terminal a bar beside them.

    Only rank 0 draws a bar, and no log file ever holds one.
    """

    _iterable: Any
    _total: int
    _name: str
    _metrics: dict[str, Any]

    def __iter__(self) -> Iterator[Any]:
        shown = flashy.distrib.is_rank_zero() and sys.stderr.isatty()
        self._iterable = tqdm(self._iterable, self._name, self._total, leave=False, disable=not shown)
        return super().__iter__()

    def _log(self) -> None:
        done = self._index + 1
        left = (time.time() - self._begin) * max(0, self._total - done) / done
        self._metrics = {**self._metrics, "left": tqdm.format_interval(left)}
        super()._log()

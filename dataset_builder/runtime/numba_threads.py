"""How many cores what numba compiled computes on."""

import numba
from numba import config


def use_threads(count: int) -> int:
    """Compute on so many, or as many as there are, from this thread on; returns how many."""
    threads = max(1, min(count, config.NUMBA_NUM_THREADS))  # type: ignore[attr-defined]
    numba.set_num_threads(threads)
    return threads

"""Processes that share out the tracks of a data set."""

import multiprocessing
import os
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing.context import BaseContext

from tqdm import tqdm


def share_out(
    function: Callable[..., None], jobs: Sequence[tuple[object, ...]], workers: int, what: str, unit: str = "track"
) -> None:
    """Call `function(*job)` for every job in processes of their own; the first error ends it.

    Args:
        function: of a module, so that another process can find it.
        jobs: arguments of each call.
        workers: processes.
        what: the progress bar's name.
        unit: what a job is.
    """
    if not jobs:
        return
    with (
        tqdm(total=len(jobs), desc=what, unit=unit) as bar,
        ProcessPoolExecutor(min(workers, len(jobs)), mp_context=_context(), initializer=_one_thread) as pool,
    ):
        futures = [pool.submit(function, *job) for job in jobs]
        try:
            for future in as_completed(futures):
                future.result()
                bar.update()
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupted run ends after the tracks at hand


def _context() -> BaseContext:
    """How workers start: a fork takes milliseconds instead of importing all again, but torch does not survive it."""
    forkable = sys.platform == "linux" and "torch" not in sys.modules
    return multiprocessing.get_context("fork" if forkable else "spawn")


def _one_thread() -> None:
    """One thread for each process: the workers share the cores, and sums do not depend on how many there are."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = "1"

"""Processes that share out the tracks of a data set, and end with the process that started them."""

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import BaseContext
from typing import TypeVar

from tqdm import tqdm

from ..errors import UserError

_Result = TypeVar("_Result")


def parallel_map(
    function: Callable[..., _Result], jobs: Sequence[tuple[object, ...]], workers: int, what: str, unit: str = "track"
) -> list[_Result]:
    """Call `function(*job)` for every job in processes of their own; the first error ends it.

    Args:
        function: of a module, so that another process can find it.
        jobs: arguments of each call.
        workers: processes.
        what: the progress bar's name.
        unit: what a job is.

    Returns:
        What each call returned, in the order of the jobs.

    Raises:
        UserError: for no workers, or if a process ends suddenly, as by a lack of memory. And what `function` raises.
    """
    if workers < 1:
        raise UserError(f"workers is {workers}: expected at least 1")
    if not jobs:
        return []
    with (
        tqdm(total=len(jobs), desc=what, unit=unit) as bar,
        ProcessPoolExecutor(min(workers, len(jobs)), mp_context=_context(), initializer=start_worker) as pool,
    ):
        futures = [pool.submit(function, *job) for job in jobs]
        try:
            for future in as_completed(futures):
                future.result()
                bar.update()
        except BrokenProcessPool as error:
            raise UserError(
                f"{what}: a worker ended suddenly, as when memory runs out: run it again with fewer --workers; "
                "what is finished is kept"
            ) from error
        finally:
            pool.shutdown(cancel_futures=True)  # an interrupted run ends after the tracks at hand
    return [future.result() for future in futures]


def start_worker() -> None:
    """What every worker does first: one thread, no Ctrl-C of its own, and an end when its parent ends."""
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = "1"  # the workers share the cores, and sums do not depend on how many there are
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends its workers in order
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End when the process that started this one is killed: two runs must not write one track."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _context() -> BaseContext:
    """How workers start: a fork takes milliseconds instead of importing all again, but torch does not survive it."""
    forkable = sys.platform == "linux" and "torch" not in sys.modules
    return multiprocessing.get_context("fork" if forkable else "spawn")

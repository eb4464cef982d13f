"""What of the machine each of several rows gets: a GPU for itself, or a share of the cores."""

import os
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from dataset_builder.errors import UserError


@dataclass(frozen=True)
class Share:
    """What a row may use; by default all that is here.

    Attributes:
        cores: numbers of CPU cores, none for all.
        gpu: as CUDA_VISIBLE_DEVICES names it, None for all.
    """

    cores: tuple[int, ...] = ()
    gpu: str | None = None

    @property
    def environment(self) -> dict[str, str]:
        """What is set in the environment of its process."""
        threads = {"OMP_NUM_THREADS": str(len(self.cores))} if self.cores else {}
        return threads if self.gpu is None else {**threads, "CUDA_VISIBLE_DEVICES": self.gpu}

    @property
    def overrides(self) -> list[str]:
        """What is set in its configuration; no part of a signature, see `dora.exclude` in config/config.yaml."""
        return [f"num_threads={len(self.cores)}"] if self.cores and self.gpu is None else []

    def bind(self, process: int) -> None:
        """Keep a process that has just begun to its cores, where the system can (Linux)."""
        if self.cores and hasattr(os, "sched_setaffinity"):
            with suppress(ProcessLookupError):  # it ended at once
                os.sched_setaffinity(process, self.cores)


def shares_of(jobs: int, on_gpu: bool) -> list[Share]:
    """The machine in as many shares; one alone is all of it, with whatever its configuration says.

    Args:
        jobs: how many.
        on_gpu: whether each wants a GPU.

    Raises:
        UserError: for more shares than there are GPUs or cores.
    """
    if jobs == 1:
        return [Share()]
    gpus: list[str | None] = [*_gpus()] if on_gpu else [None] * jobs
    cores = _cores()
    for kind, found in (("GPU", gpus), ("core", cores)):
        if len(found) < jobs:
            raise UserError(f"--jobs {jobs} wants a {kind} for each row, found {len(found)}: "
                            f"--jobs {max(1, len(found))} at most")  # fmt: skip
    bounds = [len(cores) * place // jobs for place in range(jobs + 1)]
    return [Share(tuple(cores[bounds[i] : bounds[i + 1]]), gpus[i]) for i in range(jobs)]


def _cores() -> Sequence[int]:
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return range(os.cpu_count() or 1)


def _gpus() -> list[str]:
    import torch

    count = torch.cuda.device_count()
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",")
    return named[:count] if named[0] else [str(number) for number in range(count)]

"""Which indices of an epoch a process draws, from any batch on, and where it meets the other processes."""

import math
from collections.abc import Callable, Iterator
from typing import Any

from torch.utils.data import DataLoader, Dataset, Sampler


class RankSampler(Sampler[int]):
    """Every n-th index for one of n processes, so that a step's batches together are what one process would draw.

    Args:
        length: indices of an epoch.
        rank: of this process.
        world_size: processes.
    """

    def __init__(self, length: int, rank: int = 0, world_size: int = 1) -> None:
        self.fewest, self.most = length // world_size, math.ceil(length / world_size)
        self.indices = range(rank, length, world_size)
        self._start = 0

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices[self._start :])

    def state_dict(self) -> dict[str, int]:
        """How many samples of its epoch this process has had already."""
        return {"start": self._start}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Begin after the samples that an interrupted epoch has had."""
        self._start = state["start"]

    def lacking(self, batch_size: int) -> int:
        """Batches that this process has less than the one that has most: 0 or 1."""
        return math.ceil(self.most / batch_size) - math.ceil(len(self) / batch_size)

    def even(self, batch_size: int) -> bool:
        """Whether all processes have the same number of batches."""
        return math.ceil(self.most / batch_size) == math.ceil(self.fewest / batch_size)

    def __len__(self) -> int:
        """Of the whole epoch, wherever it starts."""
        return len(self.indices)


class SyncedLoader(DataLoader):
    """Batches of a `RankSampler`, between which all processes may meet: equally often, whoever has a batch more.

    Args:
        dataset: of the sampler's indices.
        batch_size: samples.
        sampler: which of them are this process'.
        after_batch: called after every batch, and once more at the end by a process that has one less than another.
        options: of torch's `DataLoader`.
    """

    sampler: RankSampler
    batch_size: int

    def __init__(
        self, dataset: Dataset, batch_size: int, sampler: RankSampler, after_batch: Callable[[], None], **options: Any
    ) -> None:
        super().__init__(dataset, batch_size, sampler=sampler, **options)
        self.after_batch = after_batch

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        for batch in super().__iter__():
            yield batch
            self.after_batch()
        for _ in range(self.sampler.lacking(self.batch_size)):
            self.after_batch()

    def state_dict(self) -> dict[str, int]:
        """How many batches of the epoch were had before the first that comes."""
        return {"batches": self.sampler.state_dict()["start"] // self.batch_size}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Begin after the batches that an interrupted epoch has had."""
        self.sampler.load_state_dict({"start": state["batches"] * self.batch_size})

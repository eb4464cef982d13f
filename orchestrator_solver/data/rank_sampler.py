"""Which indices of an epoch a process draws, from any step on, and where it meets the other processes."""

import math
from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader, Sampler


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
        self.start = 0  # samples of this process that an interrupted epoch has already had

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices[self.start :])

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
    """Batches of a `RankSampler`, between which all processes may meet: equally often, whoever has a batch more."""

    sampler: RankSampler
    batch_size: int

    def between(self) -> None:
        """Called after every batch; nothing, until it is replaced."""

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """The batches; a process that has one less than another meets it once more at the end."""
        for batch in super().__iter__():
            yield batch
            self.between()
        for _ in range(self.sampler.lacking(self.batch_size)):
            self.between()

"""Which indices of an epoch a process draws, from any step on."""

import math
from collections.abc import Iterator

from torch.utils.data import Sampler


class RankSampler(Sampler[int]):
    """Every n-th index for one of n processes, so that a step's batches together are what one process would draw.

    Args:
        length: indices of an epoch.
        rank: of this process.
        world_size: processes.
    """

    def __init__(self, length: int, rank: int = 0, world_size: int = 1) -> None:
        self.length, self.world_size = length, world_size
        self.indices = range(rank, length, world_size)
        self.start = 0  # samples of this process that an interrupted epoch has already had

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices[self.start :])

    def even(self, batch_size: int) -> bool:
        """Whether all processes have the same number of batches."""
        fewest, most = (math.ceil(samples / batch_size) for samples in self._fewest_and_most())
        return fewest == most

    def _fewest_and_most(self) -> tuple[int, int]:
        return self.length // self.world_size, math.ceil(self.length / self.world_size)

    def __len__(self) -> int:
        """Of the whole epoch, wherever it starts."""
        return len(self.indices)

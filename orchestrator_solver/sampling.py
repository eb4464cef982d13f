"""Which indices of an epoch a process draws, from any step on."""

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
        self.indices = range(rank, length, world_size)
        self.start = 0  # samples of this process that an interrupted epoch has already had

    def __iter__(self) -> Iterator[int]:
        return iter(self.indices[self.start :])

    def __len__(self) -> int:
        """Of the whole epoch, wherever it starts."""
        return len(self.indices)

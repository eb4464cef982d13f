"""Steps on a GPU as CUDA graphs: a step of a small batch is short, and to launch its kernels one by one takes longer.

Written for GPUs and never run on one; what a graph holds (`Network.at`) is compared with the plain step on the CPU.
"""

from collections.abc import Callable
from functools import partial

import torch

from .network import Network
from .past import Cache

_BUCKET = 256  # positions: a graph looks at so many, or twice as many, and so on
_WARM = 3  # runs before a capture, which torch asks for
Step = Callable[[torch.Tensor, int], torch.Tensor]


def steps_through(network: Network, cache: Cache) -> Step:
    """What makes logits `[R, K, card]` of embeddings `[R, S, D]` and the position of the first."""
    if network.device.type == "cuda":
        return Graphs(network, cache)
    return lambda x, start: network(x, cache, start)


class Graphs:
    """Steps of one position are replayed; several at once, as at the start of a window, are computed.

    Args:
        network: on a GPU.
        cache: that all steps share.
    """

    def __init__(self, network: Network, cache: Cache) -> None:
        self.network, self.cache = network, cache
        self.position = torch.zeros(1, dtype=torch.long, device=network.device)
        self.x: torch.Tensor | None = None
        self.graphs: dict[int, tuple[torch.cuda.CUDAGraph, torch.Tensor]] = {}

    def __call__(self, x: torch.Tensor, start: int) -> torch.Tensor:
        """Logits `[R, K, card]` after the last of the positions `x` `[R, S, D]`."""
        if x.shape[1] > 1:
            return self.network(x, self.cache, start)
        self.x = torch.empty_like(x) if self.x is None else self.x
        self.x.copy_(x)
        self.position.fill_(start)
        length = min((start // _BUCKET + 1) * _BUCKET, self.cache.length)
        if length not in self.graphs:
            self.graphs[length] = self._captured(length)
        graph, logits = self.graphs[length]
        graph.replay()
        return logits

    @torch.no_grad()
    def _captured(self, length: int) -> tuple[torch.cuda.CUDAGraph, torch.Tensor]:
        """A graph of a step that looks at so many positions, and where it leaves its logits."""
        assert self.x is not None
        run = partial(self.network.at, self.x, self.cache, self.position, length)
        beside = torch.cuda.Stream()
        beside.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(beside):
            for _ in range(_WARM):
                run()
        torch.cuda.current_stream().wait_stream(beside)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            logits = run()
        return graph, logits

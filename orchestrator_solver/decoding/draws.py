"""Which code is drawn: by random numbers of the sample's own, the same on every device."""

from collections.abc import Sequence

import torch


class Draws:
    """Random numbers of the samples of a batch, each from a stream of its own.

    Args:
        seeds: of each sample.
        temperature: how free to draw; 0 takes the likeliest.
        top_k: draw among so many of the likeliest.
    """

    def __init__(self, seeds: Sequence[int], temperature: float, top_k: int) -> None:
        self.temperature, self.top_k = temperature, top_k
        self._streams = [torch.Generator().manual_seed(seed) for seed in seeds]

    def numbers(self, steps: int, codebooks: int) -> torch.Tensor | None:
        """The next numbers in 0..1 `[S, B, K, 1]`; none if nothing is left to chance."""
        if not self.temperature:
            return None
        drawn = [torch.rand(steps, codebooks, 1, generator=stream) for stream in self._streams]
        return torch.stack(drawn, dim=1)

    def pick(self, logits: torch.Tensor, numbers: torch.Tensor | None) -> torch.Tensor:
        """The codes `[B, K]` that numbers `[B, K, 1]` choose by logits `[B, K, card]`."""
        if numbers is None:
            return logits.argmax(-1)
        likeliest, codes = (logits / self.temperature).topk(min(self.top_k, logits.shape[-1]))
        below = likeliest.softmax(-1).cumsum(-1)
        place = (
            (below < numbers.to(below.device) * below[..., -1:]).sum(-1, keepdim=True).clamp(max=codes.shape[-1] - 1)
        )
        return codes.gather(-1, place)[..., 0]

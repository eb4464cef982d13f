"""Draws of a batch, each sample's from a stream of its own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cached_property
from types import ModuleType
from typing import TYPE_CHECKING, Any

from .registry import patches

if TYPE_CHECKING:
    import torch


class _Streams:
    """A stream of random numbers a sample, on the device that first asks."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self.seeds = seeds
        self.device: Any = None

    @cached_property
    def generators(self) -> "list[torch.Generator]":
        import torch

        return [torch.Generator(self.device).manual_seed(seed) for seed in self.seeds]

    def draw(self, multinomial: Any, probabilities: "torch.Tensor", *args: Any) -> "torch.Tensor":
        """What `multinomial` draws of `[B, ..., C]`, sample by sample."""
        import torch

        self.device = probabilities.device
        samples = zip(probabilities, self.generators, strict=True)
        return torch.stack([multinomial(sample, *args, generator=generator) for sample, generator in samples])


_streams: ContextVar[_Streams | None] = ContextVar("streams of the batch that is drawn", default=None)


@contextmanager
def drawn_with(seeds: Sequence[int]) -> Iterator[None]:
    """Inside, audiocraft draws the codes of a batch's samples from these seeds, in their order."""
    token = _streams.set(_Streams(seeds))
    try:
        yield
    finally:
        _streams.reset(token)


@patches("audiocraft.utils.utils")
def draw_sample_by_sample(module: ModuleType) -> None:
    """Why: a batch is drawn from one stream, so that what a sample gets depends on those beside it. Goes when:
    `LMModel.generate` takes a generator for each sample."""
    multinomial = module.multinomial

    def multinomial_of_samples(
        input: "torch.Tensor", num_samples: int, replacement: bool = False, *, generator: Any = None
    ) -> "torch.Tensor":
        streams = _streams.get()
        if streams is None or generator is not None:
            drawn: torch.Tensor = multinomial(input, num_samples, replacement, generator=generator)
            return drawn
        return streams.draw(multinomial, input, num_samples, replacement)

    module.multinomial = multinomial_of_samples  # type: ignore[attr-defined]

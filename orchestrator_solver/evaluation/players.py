"""Who fills the rows of the table: models, and anchors that are made of the targets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from audiocraft.models.encodec import CompressionModel

from dataset_builder.seeds import seed_of

from ..generation.model import OrchestratorModel
from ..generation.orchestrate import orchestrate
from ..generation.request import Request
from ..generation.sampling import SamplingSettings
from ..weights.package import state_hash
from .excerpts import TestExcerpt
from .takes import Takes, name_of


@dataclass(frozen=True)
class Played:
    """A batch of a row.

    Attributes:
        wavs: audio `[T]` of each excerpt.
        names: of the takes that were kept (`Takes.path`), none of an anchor.
    """

    wavs: list[np.ndarray]
    names: tuple[str, ...] = ()


class Player(Protocol):
    """Plays excerpts as a row of the table has them."""

    @property
    def version(self) -> str:
        """Tells weights from other weights, so that another model's scores are never taken for this one's."""
        ...

    def __call__(self, excerpts: Sequence[TestExcerpt], policy: str, requests: Sequence[Request], take: int) -> Played:
        """What is heard in place of each excerpt, of which the same was asked under one policy."""
        ...


@dataclass(frozen=True)
class ModelPlayer:
    """A model; the seed depends on excerpt, policy and take, not on the model or on the description.

    Attributes:
        model: who plays.
        sampling: how; its seed is not used.
        takes: where takes are kept and found, if they are to be.
    """

    model: OrchestratorModel
    sampling: SamplingSettings
    takes: Takes | None = None

    @property
    def version(self) -> str:
        """Of the language model's weights, and the codec's."""
        return self.model.sha256[:12] + self.model.codec_sha256[:6]

    def __call__(
        self, excerpts: Sequence[TestExcerpt], policy: str, requests: Sequence[Request], take: int = 0,
        progress: Callable[[float], None] | None = None,
    ) -> Played:  # fmt: skip
        seeds = [seed_of(excerpt.item.id, policy, str(take)) % 2**31 for excerpt in excerpts]
        seconds = excerpts[0].seconds
        if self.takes is None:
            return Played(self._play(requests, seeds, seconds, progress))
        names = tuple(
            name_of(self.model, request, self.sampling, seed, seconds)
            for request, seed in zip(requests, seeds, strict=True)
        )
        kept = self.takes.read(names)
        if kept is None:
            for name, wav in zip(names, self._play(requests, seeds, seconds, progress), strict=True):
                self.takes.keep(name, wav, self.model.sample_rate)
            kept = self.takes.read(names)
        assert kept is not None
        return Played(kept, names)

    def _play(
        self, requests: Sequence[Request], seeds: Sequence[int], seconds: float,
        progress: Callable[[float], None] | None,
    ) -> list[np.ndarray]:  # fmt: skip
        played = orchestrate(self.model, requests, self.sampling, seconds, progress=progress, seeds=seeds)
        return [recording.wav for recording in played]


class OtherWork:
    """In place of an excerpt, the target of the next one that is of another work."""

    version = "data"

    def __init__(self, excerpts: Sequence[TestExcerpt], rate: int) -> None:
        self.rate = rate
        self.others: dict[str, TestExcerpt] = {}
        for place, excerpt in enumerate(excerpts):
            turned = [*excerpts[place + 1 :], *excerpts[:place]]
            self.others[excerpt.item.id] = next((e for e in turned if e.work != excerpt.work), excerpt)

    def __call__(self, excerpts: Sequence[TestExcerpt], policy: str, requests: Sequence[Request], take: int) -> Played:
        return Played([self.others[excerpt.item.id].target(self.rate) for excerpt in excerpts])


@dataclass(frozen=True)
class TheReference:
    """What was to be followed, given back."""

    rate: int
    version = "data"

    def __call__(self, excerpts: Sequence[TestExcerpt], policy: str, requests: Sequence[Request], take: int) -> Played:
        return Played([request.reference.at(self.rate) for request in requests])


@dataclass(frozen=True)
class TheTarget:
    """What stands in the data set."""

    rate: int
    version = "data"

    def __call__(self, excerpts: Sequence[TestExcerpt], policy: str, requests: Sequence[Request], take: int) -> Played:
        return Played([excerpt.target(self.rate) for excerpt in excerpts])


@dataclass
class ThroughCodec:
    """An excerpt's target, encoded and decoded."""

    codec: CompressionModel

    @cached_property
    def version(self) -> str:
        """Of the codec's weights."""
        return state_hash(self.codec.state_dict())[:12]

    def __call__(self, excerpts: Sequence[TestExcerpt], policy: str, requests: Sequence[Request], take: int) -> Played:
        wavs = np.stack([excerpt.target(self.codec.sample_rate) for excerpt in excerpts])
        return Played(list(through_codec(self.codec, torch.from_numpy(wavs)[:, None])[:, 0].numpy()))


@torch.no_grad()
def through_codec(codec: CompressionModel, wav: torch.Tensor) -> torch.Tensor:
    """What is left of `wav` `[B, 1, T]` after encoding and decoding, on the CPU."""
    return codec.decode(codec.encode(wav.to(device_of(codec)))[0], None)[..., : wav.shape[-1]].cpu()


def device_of(codec: CompressionModel) -> torch.device:
    """Where a codec computes."""
    return next(iter(codec.parameters())).device

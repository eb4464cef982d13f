"""Who fills the rows of the table: models, another work's target, and the target through the codec."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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


class Player(Protocol):
    """Plays excerpts as a row of the table has them."""

    @property
    def version(self) -> str:
        """Tells weights from other weights, so that another model's scores are never taken for this one's."""
        ...

    def __call__(self, excerpts: Sequence[TestExcerpt], policy: str, requests: Sequence[Request]) -> list[np.ndarray]:
        """Audio `[T]` of each excerpt, of which the same was asked under one policy."""
        ...


@dataclass(frozen=True)
class ModelPlayer:
    """A model; the seed depends on the first excerpt and the policy, not on the model or on the description."""

    model: OrchestratorModel
    sampling: SamplingSettings

    @property
    def version(self) -> str:
        """Of the language model's weights."""
        return self.model.sha256[:12]

    def __call__(
        self, excerpts: Sequence[TestExcerpt], policy: str, requests: Sequence[Request],
        progress: Callable[[float], None] | None = None,
    ) -> list[np.ndarray]:  # fmt: skip
        sampling = replace(self.sampling, seed=seed_of(excerpts[0].item.id, policy) % 2**31)
        played = orchestrate(self.model, requests, sampling, excerpts[0].seconds, progress=progress)
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

    def __call__(self, excerpts: Sequence[TestExcerpt], policy: str, requests: Sequence[Request]) -> list[np.ndarray]:
        return [self.others[excerpt.item.id].target(self.rate) for excerpt in excerpts]


@dataclass
class ThroughCodec:
    """An excerpt's target, encoded and decoded."""

    codec: CompressionModel

    @cached_property
    def version(self) -> str:
        """Of the codec's weights."""
        return state_hash(self.codec.state_dict())[:12]

    def __call__(self, excerpts: Sequence[TestExcerpt], policy: str, requests: Sequence[Request]) -> list[np.ndarray]:
        wavs = np.stack([excerpt.target(self.codec.sample_rate) for excerpt in excerpts])
        return list(through_codec(self.codec, torch.from_numpy(wavs)[:, None])[:, 0].numpy())


@torch.no_grad()
def through_codec(codec: CompressionModel, wav: torch.Tensor) -> torch.Tensor:
    """What is left of `wav` `[B, 1, T]` after encoding and decoding, on the CPU."""
    return codec.decode(codec.encode(wav.to(device_of(codec)))[0], None)[..., : wav.shape[-1]].cpu()


def device_of(codec: CompressionModel) -> torch.device:
    """Where a codec computes."""
    return next(iter(codec.parameters())).device

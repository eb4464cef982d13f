"""A model without networks: it plays its references back."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from orchestrator_solver.generation.model import OrchestratorModel, Progress
from orchestrator_solver.generation.reference_audio import ReferenceAudio
from orchestrator_solver.generation.sampling import SamplingSettings

RATE = 16_000


class EchoModel(OrchestratorModel):
    """Plays its references back, with some of the seed's noise, and remembers what it was asked."""

    sample_rate, grid, codec_sha256 = RATE, 0.32, "c" * 64

    @property
    def hearing(self) -> dict[str, Any]:
        return {"rate": f"{self.sample_rate} Hz", "frames": f"{self.grid} s", "chroma": "none"}

    def __init__(self, noise: float = 0.0) -> None:
        super().__init__("echo", "e" * 64, None, None, 8.0, facts={"run": "1", "instruments": ["violin", "drums"]})
        self.noise = noise
        self.asked: list[tuple[list[str | None], float, SamplingSettings]] = []

    def generate(
        self, prompts: Sequence[str | None], references: Sequence[ReferenceAudio], seconds: float,
        sampling: SamplingSettings, progress: Progress | None = None, seeds: Sequence[int] | None = None,
    ) -> torch.Tensor:  # fmt: skip
        self.asked.append((list(prompts), seconds, sampling))
        samples = round(seconds * RATE)
        streams = [np.random.default_rng(seed) for seed in seeds or [sampling.seed] * len(prompts)]
        wavs = np.stack([self.noise * stream.standard_normal(samples).astype(np.float32) for stream in streams])
        for wav, reference in zip(wavs, references, strict=True):
            played = reference.at(RATE)[: len(wav)]
            wav[: len(played)] += played
        for share in (0.5, 1.0) if progress else ():
            progress(share)
        return torch.from_numpy(wavs)[:, None]

"""The recipe of the nano codec: audiocraft's compression solver on excerpts that sound."""

import torch
from audiocraft.solvers.compression import CompressionSolver
from omegaconf import DictConfig
from torch import nn

from ..data.dataloaders import build_loaders
from ..data.dataset import ExcerptDataset
from .resumable_loop import ResumableLoop


class AudioExcerpts(ExcerptDataset):
    """Excerpts as audio alone, `[B, 1, T]`."""

    def __getitem__(self, index: int) -> torch.Tensor:  # type: ignore[override]
        """The excerpt's audio `[1, T]`."""
        excerpt = self.excerpt(index)
        return self._read(excerpt.item, excerpt.start)

    def collater(self, samples: list[torch.Tensor]) -> torch.Tensor:
        """Stack excerpts to `[B, 1, T]`."""
        return torch.stack(samples)


class _Scalar(nn.Module):
    """A loss whose value has shape [1] as one of shape [], which audiocraft's balancer can add up."""

    def __init__(self, loss: nn.Module) -> None:
        super().__init__()
        self.loss = loss

    def forward(self, estimate: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        return self.loss(estimate, target).sum()


class OrchestratorCodecSolver(ResumableLoop, CompressionSolver):
    """Trains a codec on the excerpts that the language model will be trained on."""

    def __init__(self, cfg: DictConfig) -> None:
        super().__init__(cfg)
        if "mrstft" in self.aux_losses:
            self.aux_losses["mrstft"] = _Scalar(self.aux_losses["mrstft"])

    def build_dataloaders(self) -> None:
        """Loaders of audio."""
        self.dataloaders = build_loaders(self.cfg, self.stop_if_asked, dataset_class=AudioExcerpts)

    def evaluate(self) -> dict:
        """Nothing at the end of training: codecs are scored by `orchestrator bench codec` on sound, not on SI-SNR."""
        return {}

    def generate(self) -> None:
        """Nothing: see `evaluate`."""

"""The recipe of the nano codec: audiocraft's compression solver on excerpts that sound."""

import torch
from audiocraft.models.encodec import CompressionModel
from audiocraft.solvers.compression import CompressionSolver
from omegaconf import DictConfig
from torch import nn

from dataset_builder.errors import UserError

from ..data.dataloaders import build_loaders
from ..data.dataset import ExcerptDataset
from ..weights import package
from .resumable_loop import ResumableLoop

_DECODER = "decoder."


def keep_codes(codec: CompressionModel, state: dict[str, torch.Tensor]) -> None:
    """Take encoder and codebooks of another codec's state, and leave them out of training.

    Raises:
        UserError: if they are of other sizes.
    """
    ours = codec.state_dict()
    kept = {name: value for name, value in state.items() if not name.startswith(_DECODER)}
    of_others = {name: one for name, one in ours.items() if not name.startswith(_DECODER)}
    wanted = {name: one.shape for name, one in of_others.items() if not name.endswith(package.TRAINING_ONLY)}
    if {name: value.shape for name, value in kept.items()} != wanted:
        raise UserError("codes_of: found an encoder or codebooks of other sizes: expected a codec from which that of "
                        "model/codec differs in its decoder alone")  # fmt: skip
    codec.load_state_dict({**ours, **kept})
    for name, parameter in codec.named_parameters():
        parameter.requires_grad_(name.startswith(_DECODER))


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

    def build_model(self) -> None:
        """The codec; of another one where its codes are to be kept."""
        super().build_model()
        if self.cfg.codes_of:
            keep_codes(self.model, package.load(self.cfg.codes_of, "codec").state)

    def run_step(self, idx: int, batch: torch.Tensor, metrics: dict) -> dict:
        """audiocraft's, in which codes that are kept stay as they are."""
        if self.cfg.codes_of:
            for part in (self.model.encoder, self.model.quantizer):
                part.eval()  # codebooks follow what they are given in training, without gradients
        return super().run_step(idx, batch, metrics)

    def build_dataloaders(self) -> None:
        """Loaders of audio."""
        self.dataloaders = build_loaders(self.cfg, self.stop_if_asked, dataset_class=AudioExcerpts)

    def evaluate(self) -> dict:
        """Nothing at the end of training: codecs are scored by `orchestrator bench codec` on sound, not on SI-SNR."""
        return {}

    def generate(self) -> None:
        """Nothing: see `evaluate`."""

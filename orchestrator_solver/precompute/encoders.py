"""The frozen models of a run, whose outputs a store holds: to fill one, and to know which one a run reads."""

from dataclasses import dataclass
from pathlib import Path

import torch
from audiocraft.models.encodec import CompressionModel
from omegaconf import DictConfig, OmegaConf

from ..features.feature_store import Store
from ..features.store_reader import EncoderIdentity
from ..models import loading
from ..models.builders import conditioner_of
from ..models.melody_conditioner import MelodyConditioner
from ..models.t5_conditioner import StoredT5Conditioner
from ..nano.chroma_conditioner import ChromaConditioner
from ..runtime.placement import Placement, stated_precision
from ..weights.package import state_hash

TEXT, REFERENCE = "description", "self_wav"  # names of the conditions
PRECISION = "orchestrator.store_precision"  # a setting; a model's package has none


@dataclass(frozen=True)
class FrozenEncoders:
    """The frozen models.

    Attributes:
        codec: makes codes.
        melody: makes pitch classes.
        text: makes text states; None for words that are cheap, and trained.
        precision: in which the codec and the network that separates mixes compute. Chroma and text states are always
            in float32: loud spectra and T5 overflow in float16, and both are cheap.
    """

    codec: CompressionModel
    melody: ChromaConditioner | MelodyConditioner
    text: StoredT5Conditioner | None = None
    precision: torch.dtype = torch.float32

    @classmethod
    def of_config(cls, cfg: DictConfig) -> "FrozenEncoders":
        """The frozen models of a run's configuration, without its language model.

        Raises:
            UserError: if one of them cannot be had.
        """
        melody = conditioner_of(cfg, REFERENCE)
        assert isinstance(melody, ChromaConditioner | MelodyConditioner)
        text = conditioner_of(cfg, TEXT) if cfg.conditioners[TEXT].model == "t5" else None
        frozen = text if isinstance(text, StoredT5Conditioner) and not text.finetune else None
        precision = stated_precision(OmegaConf.select(cfg, PRECISION, default="float32"), PRECISION)
        return cls(loading.load_codec(cfg.compression_model_checkpoint, cfg.device), melody, frozen, precision)

    @property
    def device(self) -> torch.device:
        """Where the models are."""
        return next(self.codec.parameters()).device

    @property
    def on_cpu(self) -> bool:
        """Whether processes that read audio can use the models, too."""
        return self.device.type == "cpu"

    @property
    def placement(self) -> Placement:
        """Where the models are, and how precisely they compute."""
        return Placement(self.device, self.precision)

    def store(self, root: Path) -> Store:
        """The store of a data set for these models."""
        return Store(root, self._codec_identity, self.melody.identity)

    @property
    def _codec_identity(self) -> str:
        """The hash of its weights, and a precision other than float32: what is computed so is another store."""
        weights = state_hash(self.codec.state_dict())
        return weights if self.precision == torch.float32 else f"{weights} {self.precision}"

    def identity(self, seconds: float) -> EncoderIdentity:
        """What a store's entries are found by, for excerpts of so many seconds."""
        return EncoderIdentity(
            codec=self._codec_identity, codec_frame_rate=self.codec.frame_rate,
            melody=self.melody.identity, melody_frame_rate=self.melody.frame_rate,
            melody_frames=self.melody.frames_in(round(seconds * self.codec.sample_rate)),
            text=self.text.identity if self.text else None,
        )  # fmt: skip


def identity_of(cfg: DictConfig) -> EncoderIdentity:
    """Which frozen models a run has: they are built, on the CPU, and forgotten.

    The generator of random numbers is left as it was: whether a run reads a store has no part in its first weights.
    """
    with torch.random.fork_rng(devices=[]):
        on_cpu = OmegaConf.merge(cfg, {"device": "cpu"})
        assert isinstance(on_cpu, DictConfig)
        return FrozenEncoders.of_config(on_cpu).identity(float(cfg.dataset.segment_duration))

"""The frozen models of a run, whose outputs a store holds: to fill one, and to read from it in training."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from audiocraft.models.encodec import CompressionModel
from audiocraft.models.lm import LMModel
from omegaconf import DictConfig
from torch import nn

from dataset_builder.dataset.excerpt import audio_files
from dataset_builder.errors import UserError
from dataset_builder.items.item import Item

from ..features.feature_store import Store, content_of
from ..features.text_store import TextStore
from ..models import loading
from ..models.builders import conditioner_of
from ..models.melody_conditioner import MelodyConditioner
from ..models.t5_conditioner import StoredT5Conditioner
from ..nano.chroma_conditioner import ChromaConditioner
from ..weights.package import state_hash

TEXT, REFERENCE = "description", "self_wav"  # names of the conditions


@dataclass(frozen=True)
class Frontend:
    """The frozen models.

    Attributes:
        codec: makes codes.
        ear: makes pitch classes.
        text: makes text states; None for words that are cheap, and trained.
    """

    codec: CompressionModel
    ear: ChromaConditioner | MelodyConditioner
    text: StoredT5Conditioner | None = None

    @property
    def device(self) -> torch.device:
        """Where the models are."""
        return next(self.codec.parameters()).device

    @property
    def on_cpu(self) -> bool:
        """Whether processes that read audio can use the models, too."""
        return self.device.type == "cpu"

    def store(self, root: Path) -> Store:
        """The store of a data set for these models."""
        return Store(root, state_hash(self.codec.state_dict()), self.codec.frame_rate, self.ear.identity)


def frontend_of(cfg: DictConfig) -> Frontend:
    """The frozen models of a run's configuration, without its language model.

    Raises:
        UserError: if one of them cannot be had.
    """
    ear = conditioner_of(cfg, REFERENCE)
    assert isinstance(ear, ChromaConditioner | MelodyConditioner)
    text = conditioner_of(cfg, TEXT) if cfg.conditioners[TEXT].model == "t5" else None
    return Frontend(loading.load_codec(cfg.compression_model_checkpoint, cfg.device), ear, _frozen(text))


def frontend_in(model: LMModel, codec: CompressionModel) -> Frontend:
    """The frozen models of a language model that is there."""
    conditioners = model.condition_provider.conditioners
    ear = conditioners[REFERENCE]
    assert isinstance(ear, ChromaConditioner | MelodyConditioner)
    return Frontend(codec, ear, _frozen(dict(conditioners.items()).get(TEXT)))


def _frozen(text: nn.Module | None) -> StoredT5Conditioner | None:
    return text if isinstance(text, StoredT5Conditioner) and not text.finetune else None


def attach_store(frontend: Frontend, root: Path, items: Sequence[Item]) -> Store:
    """Let a model's conditions read from the store of a data set, and return it.

    Args:
        frontend: of the model.
        root: the data set's folder.
        items: that will be read.

    Raises:
        UserError: if some are missing, torn, or were made of other audio.
    """
    store = frontend.store(root)
    by_track: dict[str, dict[str, str]] = {}
    for item in items:
        by_track.setdefault(item.track, {})[item.id] = content_of(item, audio_files(item, root))
    lacking = [track for track, contents in by_track.items() if not store.has(track, contents)]
    if lacking:
        raise UserError(
            f"{store.folder} lacks {len(lacking)} of {len(by_track)} tracks, such as {lacking[0]}, or they have "
            "changed: run `orchestrator prepare` with this run's settings, or set orchestrator.store=false"
        )
    frontend.ear.store = store
    if isinstance(frontend.ear, MelodyConditioner) and frontend.ear.separator is not None:
        frontend.ear.separator.release()
    if frontend.text is not None:
        frontend.text.store = TextStore(root, frontend.text.identity)
    return store

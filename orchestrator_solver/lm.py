"""Builds the language model: audiocraft's, with our conditioners and fuser where the configuration asks for them."""

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path

import omegaconf
from audiocraft.models import builders as audiocraft_builders
from audiocraft.models.encodec import CompressionModel
from audiocraft.models.lm import LMModel
from audiocraft.modules.conditioners import BaseConditioner
from audiocraft.utils.utils import dict_from_config

from dataset_builder.errors import UserError

from . import lora
from .chroma_condition import ChromaConditioner
from .fusing import AlignedFuser
from .melody_condition import MelodyConditioner
from .store import Store, state_hash
from .words import WordsConditioner

_stock_lm = audiocraft_builders.get_lm_model


def _words(cfg: omegaconf.DictConfig, args: omegaconf.DictConfig) -> BaseConditioner:
    return WordsConditioner(cfg.transformer_lm.dim, **dict_from_config(args))


def _chroma(cfg: omegaconf.DictConfig, args: omegaconf.DictConfig) -> BaseConditioner:
    return ChromaConditioner(cfg.transformer_lm.dim, store=None, device=cfg.device, **dict_from_config(args))


def _melody(cfg: omegaconf.DictConfig, args: omegaconf.DictConfig) -> BaseConditioner:
    seconds = float(cfg.dataset.segment_duration)
    return MelodyConditioner(cfg.transformer_lm.dim, duration=seconds, device=cfg.device, **dict_from_config(args))


CONDITIONERS: dict[str, Callable[[omegaconf.DictConfig, omegaconf.DictConfig], BaseConditioner]] = {
    "words": _words,
    "chroma": _chroma,
    "chroma_stem": _melody,  # audiocraft's name: published configurations have it
}


def build_lm(cfg: omegaconf.DictConfig) -> LMModel:
    """The language model of a configuration; `conditioners.NAME.model` may also be one of `CONDITIONERS`."""
    ours = [name for name, value in cfg.conditioners.items() if value.get("model") in CONDITIONERS]
    stock = deepcopy(cfg)  # unresolved: a published configuration names what only its authors' machines have
    omegaconf.OmegaConf.set_struct(stock, False)
    for name in ours:
        del stock.conditioners[name]
    model = _stock_lm(stock)
    rates = {}
    for name in ours:
        kind = cfg.conditioners[name].model
        conditioner = CONDITIONERS[kind](cfg, cfg.conditioners[name][kind]).to(cfg.device)
        model.condition_provider.conditioners[str(name)] = conditioner
        if isinstance(conditioner, ChromaConditioner):
            rates[str(name)] = conditioner.frame_rate
    if model.fuser.fuse2cond.get("input_interpolate"):
        model.fuser = AlignedFuser(
            model.fuser.fuse2cond,
            model.fuser.cross_attention_pos_emb,
            model.fuser.cross_attention_pos_emb_scale,
            steps_per_frame={name: cfg.codec_frame_rate / rate for name, rate in rates.items()},
        )
    if cfg.get("lora") and cfg.lora.rank:
        lora.inject(model, lora.LoraSettings.of(cfg.lora))
    lora.load_either(model)
    return model


def attach_store(model: LMModel, root: Path, codec: CompressionModel) -> Store:
    """Let the model's chroma condition read pitch classes from the store of the data set in `root`.

    Raises:
        UserError: if the condition separates mixes, which `prepare` does not.
    """
    conditioner = model.condition_provider.conditioners["self_wav"]
    assert isinstance(conditioner, (ChromaConditioner, MelodyConditioner))
    if isinstance(conditioner, MelodyConditioner) and conditioner.separator is not None:
        raise UserError(
            "orchestrator.store=true: the store holds chroma of mixes that were not separated, and this condition "
            "separates them: add conditioners.self_wav.chroma_stem.separate=false, or orchestrator.store=false"
        )
    conditioner.store = Store(root, state_hash(codec), codec.frame_rate, conditioner.radix2_exp)
    return conditioner.store


def register() -> None:
    """Make audiocraft's solver and loaders build their language models here: both go through this one factory."""
    audiocraft_builders.get_lm_model = build_lm

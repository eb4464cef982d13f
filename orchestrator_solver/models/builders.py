"""Builds the language model: audiocraft's, with our conditioners and fuser where the configuration asks for them."""

from collections.abc import Callable
from copy import deepcopy

import omegaconf
from audiocraft.models.lm import LMModel
from audiocraft.modules.conditioners import BaseConditioner
from audiocraft.utils.utils import dict_from_config

from ..features.conditions import ConditionProvider
from ..nano.aligned_fuser import AlignedFuser
from ..nano.bag_of_words import BagOfWordsConditioner
from ..nano.chroma_conditioner import ChromaConditioner
from ..seams import registry
from . import lora
from .melody_conditioner import MelodyConditioner
from .t5_conditioner import StoredT5Conditioner


def _words(cfg: omegaconf.DictConfig, args: omegaconf.DictConfig) -> BaseConditioner:
    return BagOfWordsConditioner(cfg.transformer_lm.dim, **dict_from_config(args))


def _chroma(cfg: omegaconf.DictConfig, args: omegaconf.DictConfig) -> BaseConditioner:
    return ChromaConditioner(cfg.transformer_lm.dim, device=cfg.device, **dict_from_config(args))


def _melody(cfg: omegaconf.DictConfig, args: omegaconf.DictConfig) -> BaseConditioner:
    seconds = float(cfg.dataset.segment_duration)
    return MelodyConditioner(cfg.transformer_lm.dim, duration=seconds, device=cfg.device, **dict_from_config(args))


def _t5(cfg: omegaconf.DictConfig, args: omegaconf.DictConfig) -> BaseConditioner:
    return StoredT5Conditioner(output_dim=cfg.transformer_lm.dim, device=cfg.device, **dict_from_config(args))


CONDITIONERS: dict[str, Callable[[omegaconf.DictConfig, omegaconf.DictConfig], BaseConditioner]] = {
    "words": _words,
    "chroma": _chroma,
    "chroma_stem": _melody,  # audiocraft's name: published configurations have it
    "t5": _t5,
}


def build_lm(cfg: omegaconf.DictConfig) -> LMModel:
    """The language model of a configuration; `conditioners.NAME.model` may also be one of `CONDITIONERS`."""
    ours = [name for name, value in cfg.conditioners.items() if value.get("model") in CONDITIONERS]
    stock = deepcopy(cfg)  # unresolved: a published configuration names what only its authors' machines have
    omegaconf.OmegaConf.set_struct(stock, False)
    for name in ours:
        del stock.conditioners[name]
    model = registry.stock("language_model")(stock)
    conditioners = {str(name): conditioner_of(cfg, str(name)) for name in ours}
    rates = {name: one.frame_rate for name, one in conditioners.items() if isinstance(one, ChromaConditioner)}
    theirs = model.condition_provider
    model.condition_provider = ConditionProvider({**dict(theirs.conditioners.items()), **conditioners}, theirs.device)
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


def conditioner_of(cfg: omegaconf.DictConfig, name: str) -> BaseConditioner:
    """One of a configuration's conditions that are ours, by itself."""
    kind = cfg.conditioners[name].model
    return CONDITIONERS[kind](cfg, cfg.conditioners[name][kind]).to(cfg.device)


def register() -> None:
    """Make audiocraft's solver and loaders build their language models here: both go through this one factory."""
    registry.replace("language_model", build_lm)

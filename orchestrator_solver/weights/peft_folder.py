"""LoRA's additions in a folder of peft's format: `adapter_config.json` and `adapter_model.safetensors`, no code.

They are added to the weights of the model that they were trained on, so that whatever loads whole models loads them.
"""

import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from safetensors import SafetensorError
from safetensors.torch import load_file

from dataset_builder.errors import UserError
from dataset_builder.runtime.untrusted import parse_json, read_regular, shown

from . import transformers_names
from .package import Package, facts_beside, state_hash
from .transformers_names import CONSTANT

CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
SECONDS = "seconds"  # beside the facts: of the excerpts, which decide how long the reference's prefix is
PREFIX = "base_model.model."  # before transformers' names
_ADDITION = re.compile(r"(.+)\.lora_A\.weight")
_MOST_BYTES, _LONGEST = 2**20, 600.0
_AS_TRAINED_BY_NOBODY_HERE = ("use_dora", "rank_pattern", "alpha_pattern", "fan_in_fan_out", "lora_bias", "bias")


def is_peft_folder(folder: Path) -> bool:
    """Whether a folder has what peft loads."""
    return (folder / CONFIG).is_file()


def read_language_model(folder: Path, base: Callable[[str], Package]) -> Package:
    """The model that a folder's additions make of the one that they were trained on.

    Args:
        folder: of the additions.
        base: reads a language model by its name.

    Raises:
        UserError: if they are torn, of another model or of a kind that cannot be added here, or the base cannot be had.
    """
    try:
        config = parse_json(read_regular(folder / CONFIG, _MOST_BYTES))
        scale, name = _scale_of(config), config["base_model_name_or_path"]
        adapter = {key.removeprefix(PREFIX): value for key, value in load_file(folder / WEIGHTS).items()}
        facts = {**facts_beside(folder), "baseline": name}
        excerpts = {"dataset": {"segment_duration": _seconds(facts.pop(SECONDS, None))}}
    except (OSError, ValueError, LookupError, TypeError, AttributeError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{folder} holds no additions of peft's that can be read here ({reason})") from error
    whole = base(name)
    try:
        state = _added(whole.state, adapter, scale)
    except (RuntimeError, LookupError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{folder} holds additions to another model than {name} ({reason})") from error
    cfg = OmegaConf.merge(whole.cfg, excerpts if excerpts["dataset"]["segment_duration"] else {})
    assert isinstance(cfg, DictConfig)
    return Package("lm", cfg, facts, state, state_hash(state))


def _seconds(told: Any) -> float | None:
    """How long excerpts were that additions were trained on; None where nothing is told, as in others' folders.

    Raises:
        ValueError: if that is no length.
    """
    if told is not None and (type(told) not in (int, float) or not 0 < told <= _LONGEST):
        raise ValueError(f"{SECONDS} is {shown(told)}, expected a number above 0")
    return told


def _scale_of(config: dict[str, Any]) -> float:
    """By what additions are multiplied.

    Raises:
        ValueError: for additions of another kind than LoRA's plain ones.
    """
    if config.get("peft_type") != "LORA":
        raise ValueError(f"peft_type is {shown(config.get('peft_type'))}, expected LORA")
    for key in _AS_TRAINED_BY_NOBODY_HERE:
        if config.get(key) not in (None, False, "none", {}):
            raise ValueError(f"{key} is {shown(config[key])}: only plain additions can be added here")
    if not isinstance(config.get("base_model_name_or_path"), str):
        raise ValueError("base_model_name_or_path names no model: write there which one they were trained on")
    rank, alpha = int(config["r"]), float(config["lora_alpha"])
    if rank < 1:
        raise ValueError(f"r is {rank}, expected at least 1")
    return alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)


def _added(state: transformers_names.State, adapter: transformers_names.State, scale: float) -> dict[str, torch.Tensor]:
    """A language model with additions, and with the weights that are kept beside them."""
    theirs = transformers_names.to_transformers(state)
    for name, value in adapter.items():
        if found := _ADDITION.fullmatch(name):
            up = adapter[f"{found[1]}.lora_B.weight"].float()
            weight = f"{found[1]}.weight"
            theirs[weight] = theirs[weight] + scale * (up @ value.float())
        elif not name.endswith(".lora_B.weight"):
            if name not in theirs:
                raise KeyError(name)
            theirs[name] = value.float()
    return {**transformers_names.from_transformers(theirs), CONSTANT: state[CONSTANT].float()}

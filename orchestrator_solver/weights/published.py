"""Language models by name, as packages: ours, or as audiocraft publishes them."""

import re
from pathlib import Path
from typing import Any

import torch
import yaml
from audiocraft.models import loaders as audiocraft_loaders
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dataset_builder.errors import UserError
from dataset_builder.sources.untrusted_yaml import require_plain

from . import package_rules
from .description import PREFIX, folder_of
from .hub import from_hub, require
from .package import Package, load, state_hash

_AT_THE_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")  # owner/name
# What audiocraft drops, too: folders of its authors, and data options that are no longer.
_OF_ITS_TRAINING = {"chroma_stem": ("cache_path",), "args": ("merge_text_conditions_p", "drop_desc_p")}


def language_model_package(name: str) -> Package:
    """The language model of this name: a shipped one's, an exported one's folder, or `//pretrained/NAME`.

    NAME may also be a repository at the hub (`facebook/musicgen-melody`, for which the prefix can be left out), or a
    folder of audiocraft's format.

    Raises:
        UserError: if there is none, it cannot be had, or it is torn.
    """
    if _AT_THE_HUB.fullmatch(name) and not Path(name).exists():
        name = PREFIX + name
    if folder_of(name) or not name.startswith(PREFIX):
        return load(name, "lm")
    if not Path(name.removeprefix(PREFIX)).exists():
        require(name.removeprefix(PREFIX))
    return published(name)


def published(name: str) -> Package:
    """A language model of audiocraft's format: the name of a repository at the hub, a folder or a file.

    Raises:
        UserError: if it cannot be had, or is no language model.
    """
    name = name.removeprefix(PREFIX)
    with from_hub(name):
        contents = audiocraft_loaders.load_lm_model_ckpt(name)
    if not isinstance(contents, dict) or not {"best_state", "xp.cfg"} <= contents.keys():
        raise UserError(f"{name} is no language model of audiocraft's: expected best_state and xp.cfg in its file")
    state = contents["best_state"]
    if not isinstance(state, dict) or not all(isinstance(one, torch.Tensor) for one in state.values()):
        raise UserError(f"{name} is no language model of audiocraft's: expected tensors by name as its best_state")
    cfg = _configuration(contents["xp.cfg"], name)
    cfg.compression_model_checkpoint = PREFIX + name
    facts = {"published": name, "version": str(contents.get("version", ""))}
    return Package("lm", cfg, facts, state, state_hash(state))


def _configuration(text: Any, name: str) -> DictConfig:
    """The configuration of a published model, without what concerns its authors' machines.

    A file at the hub is anybody's: it resolves nothing (`${oc.env:SECRET}`), and names conditions that are known.
    """
    try:
        require_plain(text)
        values = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
        assert isinstance(values, dict)
        for key, one in values["conditioners"].items():
            if key != "args":
                package_rules.check_conditioner_kind(one, f"conditioners.{key}")
            for section, dropped in _OF_ITS_TRAINING.items():
                for option in dropped:
                    (one if key == section else one.get(section, {})).pop(option, None)
    except (
        AssertionError, AttributeError, LookupError, TypeError, ValueError, RecursionError, OmegaConfBaseException,
        yaml.YAMLError,
    ) as error:  # fmt: skip
        raise UserError(f"the configuration of {name} is refused: {' '.join(str(error).split())[:200]}") from error
    return OmegaConf.create(_without_resolvers(values))


def _without_resolvers(value: Any) -> Any:
    """A configuration with null for every interpolation that calls something; those that name a key stay."""
    if isinstance(value, dict):
        return {key: _without_resolvers(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_without_resolvers(one) for one in value]
    return None if isinstance(value, str) and "${" in value and ":" in value else value

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

from . import package_rules, peft_folder, transformers_folder
from .description import PREFIX, folder_of
from .hub import MODELS, from_hub, require, snapshot
from .package import FACTS, Package, facts_beside, load, state_hash

LANGUAGE_MODEL, CODEC = "state_dict.bin", "compression_state_dict.bin"  # audiocraft's files in a folder
AT_THE_HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")  # owner/name
# What audiocraft drops, too: folders of its authors, and data options that are no longer.
_OF_ITS_TRAINING = {"chroma_stem": ("cache_path",), "args": ("merge_text_conditions_p", "drop_desc_p")}


def language_model_package(name: str) -> Package:
    """The language model of this name: a shipped one's, an exported one's folder, or `//pretrained/NAME`.

    A folder may be of our own format, transformers', peft's or audiocraft's. NAME may also be a repository at the hub
    (`facebook/musicgen-melody`, for which the prefix can be left out) that holds such a folder.

    Raises:
        UserError: if there is none, it cannot be had, or it is torn.
    """
    if AT_THE_HUB.fullmatch(name) and not Path(name).exists():
        name = PREFIX + name
    plain = name.removeprefix(PREFIX)
    if folder_of(name) or not (name.startswith(PREFIX) or is_model_folder(Path(plain))):
        return load(name, "lm")
    if Path(plain).exists():
        return _of_folder(Path(plain))
    require(plain)
    if plain in MODELS or not AT_THE_HUB.fullmatch(plain):
        return published(plain)
    return _of_folder(snapshot(plain))


def is_named(name: str) -> bool:
    """Whether this is no run's signature, but the name of a repository at the hub or a folder that holds a model."""
    plain = name.removeprefix(PREFIX)
    return name.startswith(PREFIX) or bool(AT_THE_HUB.fullmatch(name)) or is_model_folder(Path(plain))


def is_model_folder(path: Path) -> bool:
    """Whether a folder holds a model of transformers', peft's or audiocraft's format."""
    known = transformers_folder.is_transformers_folder, peft_folder.is_peft_folder, _is_audiocrafts
    return any(is_one(path) for is_one in known)


def _is_audiocrafts(path: Path) -> bool:
    return (path / LANGUAGE_MODEL).is_file()


def _of_folder(path: Path) -> Package:
    """The language model of a folder of whichever format, or of a file of audiocraft's."""
    if folder_of(str(path)):
        return load(str(path), "lm")
    if peft_folder.is_peft_folder(path):
        return peft_folder.read_language_model(path, _base)
    if transformers_folder.is_transformers_folder(path):
        return transformers_folder.read_language_model(path)
    return published(str(path))


def _base(name: str) -> Package:
    """The model that additions were trained on.

    Raises:
        UserError: if it is again one of additions, or none that is known here.
    """
    plain = name.removeprefix(PREFIX)
    if not (folder_of(plain) or AT_THE_HUB.fullmatch(plain) or is_model_folder(Path(plain))):
        raise UserError(
            f"{name[:200]!a} is no model here or at the hub: expected the one that additions were trained on"
        )
    if peft_folder.is_peft_folder(Path(name)):
        raise UserError(f"{name} holds additions, too: expected the whole model that others can be added to")
    return language_model_package(name)


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
    facts = {"published": name, "version": str(contents.get("version", "")), **_told_beside(Path(name))}
    return Package("lm", cfg, facts, state, state_hash(state))


def _told_beside(folder: Path) -> dict[str, Any]:
    try:
        return facts_beside(folder)
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{folder}/{FACTS} cannot be read ({error}); export or download it again") from error


def _configuration(text: Any, name: str) -> DictConfig:
    """The configuration of a published model, without what concerns its authors' machines.

    A file at the hub is anybody's: it resolves nothing (`${oc.env:SECRET}`), and names conditions that are known.
    """
    try:
        require_plain(text)
        values = OmegaConf.to_container(OmegaConf.create(text), resolve=False)
        assert isinstance(values, dict)
        values.pop("continue_from", None)  # of its authors' machine
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

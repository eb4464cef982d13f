"""Models as safetensors and JSON: the shipped nano ones, and whatever a run exports. Nothing is unpickled.

A folder holds `model.safetensors` (weights in fp16) and `model.json` (kind, configuration, provenance, SHA-256 of the
weights, and of all of these together). `//pretrained/NAME` is looked up here first, then by audiocraft. The JSON is
data: what it may say is in `package_rules.py`.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file

from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic
from dataset_builder.runtime.checksums import digest_of
from dataset_builder.runtime.untrusted import parse_json, read_regular

from . import package_rules
from .description import MOST_BYTES, PREFIX, WHOLE, checked_facts, folder_of, read_description, require_shipped, shipped

FACTS = "music_orchestrator.json"  # beside weights in formats of others, which have no place for them
LM_KEYS = (
    "lm_model", "transformer_lm", "codebooks_pattern", "fuser", "conditioners", "classifier_free_guidance",
    "attribute_dropout", "sample_rate", "codec_frame_rate", "compression_model_checkpoint", "dataset",
)  # fmt: skip
CODEC_KEYS = ("compression_model", "encodec", "seanet", "spectral", "rvq", "sample_rate", "channels")
_POINTER = b"version https://git-lfs"
_CODECS_OF_OTHERS = ("config.json", "compression_state_dict.bin")  # in folders of transformers and audiocraft
_LAYER = re.compile(r"^transformer\.layers\.(\d+)\.")
TRAINING_ONLY = "_codebook.embed_avg"  # the quantizer's running sums: not needed to use a codec


@dataclass(frozen=True)
class Package:
    """A model on disk: what it is, its configuration, where it came from, and its weights as they are kept."""

    kind: str  # codec | lm
    cfg: DictConfig
    facts: dict[str, Any]
    state: dict[str, torch.Tensor]
    sha256: str


def save(folder: Path, kind: str, cfg: DictConfig, state: dict[str, torch.Tensor], facts: dict[str, Any]) -> None:
    """Write a model; the JSON comes last, so that a folder with one is whole."""
    keys = {"codec": CODEC_KEYS, "lm": LM_KEYS}[kind]
    values = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(values, dict)
    if "dataset" in keys:
        values["dataset"] = {"segment_duration": values["dataset"]["segment_duration"]}
    weights = {name: value.half().contiguous() for name, value in state.items() if not name.endswith(TRAINING_ONLY)}
    folder.mkdir(parents=True, exist_ok=True)
    with atomic.replacing(folder / "model.safetensors") as temporary:
        save_file(weights, temporary)
        temporary.chmod(0o644)  # safetensors makes it private
    description = {
        "kind": kind,
        "sha256": digest_of(folder / "model.safetensors"),
        "facts": facts,
        "cfg": _without_paths({key: values[key] for key in keys if key in values}),
    }
    atomic.write_json(folder / "model.json", {**description, "sha256_of_all": _digest_of_all(description)})


def _without_paths(values: dict[str, Any]) -> dict[str, Any]:
    """A configuration without the folder of this machine where its run kept the chroma of excerpts."""
    for one in values.get("conditioners", {}).values():
        one.get("chroma_stem", {}).pop("cache_path", None)
    return values


def _digest_of_all(description: Mapping[str, Any]) -> str:
    """SHA-256 of what a package says of itself and, by their own hash, of its weights."""
    said = [description[key] for key in ("kind", "sha256", "facts", "cfg")]
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def load(name: str, kind: str) -> Package:
    """Read a model.

    Raises:
        UserError: if there is none of this name, it is torn, its configuration asks for what a model may not have, or
            it is of another kind.
    """
    folder = folder_of(name)
    if folder is None:
        require_shipped(name)
        raise UserError(
            f"no model {name!r}: expected one of {', '.join(shipped())}, OWNER/NAME at the hub, or a folder with "
            "model.json or the files of audiocraft, transformers or peft"
        )
    with _told_in_a_line(folder):
        return _read(folder, kind)


@contextmanager
def _told_in_a_line(folder: Path) -> Iterator[None]:
    """Raises UserError in place of whatever reading a model's folder raises."""
    try:
        yield
    except package_rules.RefusedError as error:
        raise UserError(f"{folder}/model.json is refused: {error}; take the model from whom you trust") from error
    except (OSError, ValueError, KeyError, TypeError, RecursionError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{folder}: the model cannot be read ({reason}); export or download it again") from error


def _read(folder: Path, kind: str) -> Package:
    description = read_description(folder)
    weights = folder / "model.safetensors"
    _require_weights(weights)
    digest = digest_of(weights)
    if digest != description["sha256"]:
        raise UserError(f"{folder}: model.safetensors is torn or was changed (its hash is not the recorded one)")
    if description.get("sha256_of_all", (whole := _digest_of_all(description))) != whole:
        raise UserError(f"{folder}: model.json was changed (its hash is not the recorded one)")
    if description["kind"] != kind:
        raise UserError(f"{folder} holds a model of kind {description['kind']!r}, expected {kind!r}")
    cfg = description["cfg"]
    if "${" in json.dumps(cfg):
        raise package_rules.RefusedError("cfg holds an interpolation (${...})")
    package_rules.check(kind, cfg, _shapes(weights))
    if kind == "lm":
        _check_codec(cfg["compression_model_checkpoint"])
    return Package(kind, OmegaConf.create(cfg), description["facts"], load_file(weights), digest)


def _require_weights(weights: Path) -> None:
    """Stop if there is a model's JSON without its weights, as a clone leaves it that fetches no large files."""
    if not weights.is_file():
        raise UserError(f"{weights} is not there, this copy of the model is not whole: {WHOLE}")
    with weights.open("rb") as file:
        if file.read(len(_POINTER)) == _POINTER:
            raise UserError(f"{weights} is a pointer of git-lfs, not the weights: git lfs pull, or {WHOLE}")


def facts_beside(folder: Path) -> dict[str, Any]:
    """What an export in another's format says of its training; nothing if somebody else made it.

    Raises:
        OSError: if it cannot be read.
        ValueError: if it is no JSON.
        TypeError: if it is not what it should be.
    """
    if not (folder / FACTS).is_file():
        return {}
    facts = parse_json(read_regular(folder / FACTS, MOST_BYTES))
    if not isinstance(facts, dict):
        raise TypeError(f"{FACTS} is no mapping")
    return checked_facts(facts)


def _shapes(weights: Path) -> dict[str, tuple[int, ...]]:
    """The weights' shapes, which the file's header holds."""
    with safe_open(weights, "pt") as file:
        return {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 (no mapping)


def _check_codec(name: str) -> None:
    """A language model may name a codec of ours, one of this machine, or a published one that is known."""
    plain = name.removeprefix(PREFIX)
    here = any((Path(plain) / file).is_file() for file in _CODECS_OF_OTHERS)
    if not package_rules.CODECS_AT_THE_HUB.fullmatch(plain) and not folder_of(name) and not here:
        raise package_rules.RefusedError(
            f"cfg.compression_model_checkpoint is {name[:200]!a}, neither a model here nor a codec known at the hub"
        )


def check_fits(cfg: DictConfig, state: dict[str, torch.Tensor], name: str) -> None:
    """Stop if weights are those of another model than a configuration builds.

    Raises:
        UserError: what both are.
    """
    found, built = _size(state), (cfg.transformer_lm.num_layers, cfg.transformer_lm.dim)
    if found != built:
        raise UserError(
            f"{name} holds {found[0]} layers of width {found[1]}, and this run builds {built[0]} of {built[1]}: choose "
            "the size of the weights (model/lm/model_scale@_global_=small | medium | large), or other weights"
        )


def _size(state: dict[str, torch.Tensor]) -> tuple[int, int]:
    """Layers and width of a transformer, by its weights' names and shapes."""
    layers = [int(found[1]) for found in map(_LAYER.search, state) if found]
    return 1 + max(layers, default=-1), next((t.shape[-1] for key, t in state.items() if key.startswith("emb.0.")), 0)


def state_hash(state: Mapping[str, torch.Tensor]) -> str:
    """SHA-256 of the names, shapes and values of a model's state, in hexadecimal."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()

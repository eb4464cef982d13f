"""Models as safetensors and JSON: the shipped nano ones, and whatever a run exports. Nothing is unpickled.

A folder holds `model.safetensors` (weights in fp16) and `model.json` (kind, configuration, provenance, SHA-256 of the
weights). `//pretrained/NAME` is looked up here first, then by audiocraft.
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig, OmegaConf
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic
from dataset_builder.runtime.checksums import digest_of

FOLDER = Path(__file__).parent.parent / "pretrained"
PREFIX = "//pretrained/"
LM_KEYS = (
    "lm_model", "transformer_lm", "codebooks_pattern", "fuser", "conditioners", "classifier_free_guidance",
    "attribute_dropout", "sample_rate", "codec_frame_rate", "compression_model_checkpoint", "dataset",
)  # fmt: skip
CODEC_KEYS = ("compression_model", "encodec", "seanet", "spectral", "rvq", "sample_rate", "channels")
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


def shipped() -> list[str]:
    """Names of the models that come with the project."""
    return sorted(path.parent.name for path in FOLDER.glob("*/model.json"))


def folder_of(name: str) -> Path | None:
    """The folder of a shipped model or of an exported one, None if there is none of this name."""
    name = name.removeprefix(PREFIX)
    for folder in (FOLDER / name, Path(name)):
        if (folder / "model.json").is_file():
            return folder
    return None


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
    digest = digest_of(folder / "model.safetensors")
    description = {
        "kind": kind,
        "sha256": digest,
        "facts": facts,
        "cfg": {key: values[key] for key in keys if key in values},
    }
    atomic.write_json(folder / "model.json", description)


def load(name: str, kind: str) -> Package:
    """Read a model.

    Raises:
        UserError: if there is none of this name, it is torn, or it is of another kind.
    """
    folder = folder_of(name)
    if folder is None:
        raise UserError(f"no model {name!r}: expected one of {', '.join(shipped())} or a folder with model.json")
    try:
        description = json.loads((folder / "model.json").read_text())
        digest = digest_of(folder / "model.safetensors")
        if digest != description["sha256"]:
            raise UserError(f"{folder}: model.safetensors is torn or was changed (its hash is not the recorded one)")
        if description["kind"] != kind:
            raise UserError(f"{folder} holds a model of kind {description['kind']!r}, expected {kind!r}")
        state = load_file(folder / "model.safetensors")
        return Package(kind, OmegaConf.create(description["cfg"]), description["facts"], state, digest)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise UserError(f"{folder}: the model cannot be read ({error}); export or download it again") from error


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

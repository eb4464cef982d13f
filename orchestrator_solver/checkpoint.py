"""Models as safetensors and JSON: the shipped nano ones, and whatever a run exports. Nothing is unpickled.

A folder holds `model.safetensors` (weights in fp16) and `model.json` (kind, configuration, provenance, SHA-256 of the
weights). `//pretrained/NAME` is looked up here first, then by audiocraft.
"""

import hashlib
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from audiocraft.models import CompressionModel
from audiocraft.models import builders as audiocraft_builders
from audiocraft.models import loaders as audiocraft_loaders
from audiocraft.models.lm import LMModel
from omegaconf import DictConfig, OmegaConf
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from dataset_builder import atomic
from dataset_builder.errors import UserError

from . import loading, spectral
from .lm import build_lm

FOLDER = Path(__file__).parent / "pretrained"
PREFIX = "//pretrained/"
LM_KEYS = (
    "lm_model", "transformer_lm", "codebooks_pattern", "fuser", "conditioners", "classifier_free_guidance",
    "attribute_dropout", "sample_rate", "codec_frame_rate", "compression_model_checkpoint", "dataset",
)  # fmt: skip
CODEC_KEYS = ("compression_model", "encodec", "seanet", "spectral", "rvq", "sample_rate", "channels")
_OF_ITS_TRAINING = (  # what audiocraft drops, too: folders of its authors, and data options that are no longer
    "conditioners.self_wav.chroma_stem.cache_path", "conditioners.args.merge_text_conditions_p",
    "conditioners.args.drop_desc_p",
)  # fmt: skip
_LAYER = re.compile(r"^transformer\.layers\.(\d+)\.")
_TRAINING_ONLY = "_codebook.embed_avg"  # the quantizer's running sums: not needed to use a codec
_BRINGS_ITS_CODEC = "facebook/musicgen-"  # repositories at the hub that hold a language model and its codec
_stock_codec = CompressionModel.get_pretrained


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
    weights = {name: value.half().contiguous() for name, value in state.items() if not name.endswith(_TRAINING_ONLY)}
    folder.mkdir(parents=True, exist_ok=True)
    with atomic.replacing(folder / "model.safetensors") as temporary:
        save_file(weights, temporary)
        temporary.chmod(0o644)  # safetensors makes it private
    digest = loading.sha256_of(folder / "model.safetensors")
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
        digest = loading.sha256_of(folder / "model.safetensors")
        if digest != description["sha256"]:
            raise UserError(f"{folder}: model.safetensors is torn or was changed (its hash is not the recorded one)")
        if description["kind"] != kind:
            raise UserError(f"{folder} holds a model of kind {description['kind']!r}, expected {kind!r}")
        state = load_file(folder / "model.safetensors")
        return Package(kind, OmegaConf.create(description["cfg"]), description["facts"], state, digest)
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise UserError(f"{folder}: the model cannot be read ({error}); export or download it again") from error


def load_codec(name: str, device: str | torch.device = "cpu") -> CompressionModel:
    """The codec of this name, ready for use."""
    package = load(name, "codec")
    spectral.register()
    package.cfg.device = str(device)
    model = audiocraft_builders.get_compression_model(package.cfg)
    state = dict(package.state)
    for key in model.state_dict():
        if key.endswith(_TRAINING_ONLY):
            state[key] = state[key.replace("embed_avg", "embed")]
    model.load_state_dict(state)
    return model.eval()


def lm_of(package: Package, device: str | torch.device = "cpu") -> LMModel:
    """The language model of a package, ready for use; its configuration is in `model.cfg`."""
    package.cfg.device, package.cfg.dtype = str(device), "float32"
    model = build_lm(package.cfg)
    model.load_state_dict(package.state)
    model.cfg = package.cfg
    return model.eval()


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
    cfg = OmegaConf.create(contents["xp.cfg"])
    assert isinstance(cfg, DictConfig)
    for path in _OF_ITS_TRAINING:
        section = OmegaConf.select(cfg, path.rpartition(".")[0])
        if section is not None:
            section.pop(path.rpartition(".")[2], None)
    cfg.compression_model_checkpoint = PREFIX + name
    facts = {"published": name, "version": str(contents.get("version", ""))}
    return Package("lm", cfg, facts, contents["best_state"], state_digest(contents["best_state"]))


def state_digest(state: dict[str, torch.Tensor]) -> str:
    """SHA-256 of weights that come in no file of their own."""
    digest = hashlib.sha256()
    for name, tensor in sorted(state.items()):
        digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
        digest.update(tensor.detach().cpu().contiguous().numpy().data)
    return digest.hexdigest()


def codec(name: str, device: str | torch.device = "cpu") -> CompressionModel:
    """The codec of this name: ours, a MusicGen's own, or one of audiocraft's.

    Raises:
        UserError: if it cannot be had.
    """
    name = name.removeprefix(PREFIX)
    if folder_of(name):
        return load_codec(name, device)
    with from_hub(name):
        if name.startswith(_BRINGS_ITS_CODEC):
            return audiocraft_loaders.load_compression_model(name, device)
        return _stock_codec(name, device)


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


@contextmanager
def from_hub(name: str) -> Iterator[None]:
    """Turn what loading from the model hub may raise into one line.

    Raises:
        UserError: if the hub cannot be reached and holds no copy here, or knows no model of this name.
    """
    try:
        yield
    except (OSError, ValueError) as error:  # huggingface_hub's errors are among these
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"{name!r} is none of ours ({', '.join(shipped())}) and could not be had from the model hub ({reason}): "
            "download it once where there is a network, or name another"
        ) from error


def register() -> None:
    """Let audiocraft's solvers find our codecs under `//pretrained/NAME`."""
    spectral.register()
    CompressionModel.get_pretrained = staticmethod(codec)

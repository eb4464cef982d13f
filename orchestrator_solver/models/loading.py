"""Models from packages: language models and codecs, ready for use."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import torch
from audiocraft.models import CompressionModel
from audiocraft.models import builders as audiocraft_builders
from audiocraft.models import loaders as audiocraft_loaders
from audiocraft.models.encodec import HFEncodecCompressionModel
from audiocraft.models.lm import LMModel
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from dataset_builder.errors import UserError

from ..nano import spectral_codec
from ..seams import registry
from ..weights import package_rules
from ..weights.description import PREFIX, folder_of
from ..weights.hub import from_hub
from ..weights.package import TRAINING_ONLY, Package, load
from ..weights.transformers_folder import is_transformers_folder, read_codec
from .builders import build_lm

_NO_INIT = {"transformer_lm": {"weight_init": None, "depthwise_init": None, "zero_bias_init": False}}
_BRINGS_ITS_CODEC = "facebook/musicgen-"  # repositories at the hub that hold a language model and its codec


def build_codec_from_package(package: Package, device: str | torch.device = "cpu") -> CompressionModel:
    """The codec of a package, ready for use.

    Raises:
        UserError: if its configuration and its weights are not of one model.
    """
    spectral_codec.register()
    with _of_one_model(package):
        model = audiocraft_builders.get_compression_model(OmegaConf.merge(package.cfg, {"device": str(device)}))
        state = dict(package.state)
        for key in model.state_dict():
            if key.endswith(TRAINING_ONLY):
                state[key] = state[key.replace("embed_avg", "embed")]
        model.load_state_dict(state)
    return model.eval()


@contextmanager
def _of_one_model(package: Package) -> Iterator[None]:
    """Turn what builders raise into one line: somebody else's configuration may be of another model than its weights.

    Raises:
        UserError: what they raise.
    """
    try:
        yield
    except torch.OutOfMemoryError:
        raise
    except (
        ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError,
        OmegaConfBaseException,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"the configuration and the weights make no {package.kind} ({reason}): other weights?"
        ) from error


def load_codec_package(name: str, device: str | torch.device = "cpu") -> CompressionModel:
    """The codec of ours of this name, ready for use."""
    return build_codec_from_package(load(name, "codec"), device)


def build_lm_from_package(package: Package, device: str | torch.device = "cpu") -> LMModel:
    """The language model of a package, ready for use; its configuration is in `model.cfg`.

    Raises:
        UserError: if its configuration and its weights are not of one model, or a frozen encoder cannot be had.
    """
    cfg = OmegaConf.merge(package.cfg, {"device": str(device), "dtype": "float32"})
    undrawn = OmegaConf.merge(cfg, _NO_INIT)  # drawing weights takes longer than reading those that follow
    assert isinstance(cfg, DictConfig) and isinstance(undrawn, DictConfig)
    with _of_one_model(package):
        shapes = {name: tuple(one.shape) for name, one in package.state.items()}
        package_rules.check_memory(_sizes(cfg), shapes)
        model = build_lm(undrawn)
        model.load_state_dict(package.state)
    model.cfg = cfg  # where audiocraft keeps it, too
    return model.eval()


def _sizes(cfg: DictConfig) -> dict[str, Any]:
    """The parts of a configuration that say how large a model is, resolved; others may name what is elsewhere."""
    parts = {key: OmegaConf.to_container(cfg[key], resolve=True) for key in ("transformer_lm", "conditioners")}
    return cast(dict[str, Any], parts)


def load_codec(name: str, device: str | torch.device = "cpu") -> CompressionModel:
    """The codec of this name: ours, a MusicGen's own (also in a folder of transformers'), or one of audiocraft's.

    Raises:
        UserError: if it cannot be had.
    """
    name = name.removeprefix(PREFIX)
    if folder_of(name):
        return load_codec_package(name, device)
    if is_transformers_folder(Path(name)):
        return HFEncodecCompressionModel(read_codec(Path(name))).to(device).eval()
    with from_hub(name):
        if name.startswith(_BRINGS_ITS_CODEC):
            return audiocraft_loaders.load_compression_model(name, device)
        return registry.stock("codec")(name, device)


def register() -> None:
    """Let audiocraft's solvers find our codecs under `//pretrained/NAME`."""
    spectral_codec.register()
    registry.replace("codec", load_codec)

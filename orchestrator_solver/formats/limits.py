"""What a model has that another library's format has no place for, found in its configuration alone."""

from collections.abc import Callable

from omegaconf import DictConfig

from dataset_builder.errors import UserError

from ..weights.package import PREFIX, folder_of, load
from ..weights.package_rules import CODECS_AT_THE_HUB, T5_WIDTHS

_AUDIOCRAFTS_STRIDE = 18  # seconds: get_pretrained asserts that a piece is longer
Reason = Callable[[DictConfig], str | None]  # what cannot be carried, None if nothing


def _conditions(cfg: DictConfig) -> str | None:
    kinds = {str(name): one.get("model") for name, one in cfg.conditioners.items() if name != "args"}
    if "chroma" in kinds.values():
        return "its reference is added to every step (chroma, frame by frame), where MusicGen Melody has a prefix"
    if "words" in kinds.values():
        return "its prompts are bags of words, where MusicGen has T5"
    if kinds != {"self_wav": "chroma_stem", "description": "t5"}:
        return f"its conditions are {', '.join(f'{name} ({kind})' for name, kind in kinds.items())}"
    return None


def _codec(cfg: DictConfig) -> str | None:
    name = str(cfg.compression_model_checkpoint).removeprefix(PREFIX)
    if CODECS_AT_THE_HUB.fullmatch(name):
        return "its codec is stereo" if "stereo" in name else None
    if folder_of(name) and load(name, "codec").cfg.encodec.autoencoder == "spectral":
        return "its codec is spectral, and only EnCodec has a place there"
    return None


def _order(cfg: DictConfig) -> str | None:
    prepended, others = list(cfg.fuser.prepend), [cfg.fuser[way] for way in ("sum", "cross", "input_interpolate")]
    if any(others) or set(prepended) != {"self_wav", "description"}:
        return "its conditions are no prefix of melody and text"
    delays = list(cfg.codebooks_pattern.get("delay", {}).get("delays", []))
    if cfg.codebooks_pattern.modeling != "delay" or delays != list(range(cfg.transformer_lm.n_q)):
        return f"its codebooks are not delayed by one step each (delays {delays})"
    return None


_FIXED = {
    "norm_first": True, "causal": True, "bias_ff": False, "bias_attn": False, "bias_proj": False,
    "positional_embedding": "sin", "norm": "layer_norm", "layer_scale": None, "xpos": False, "kv_repeat": 1,
    "cross_attention": False, "qk_layer_norm": False, "past_context": None,
}  # fmt: skip
_UNLESS_SAID = {"bias_ff": True, "bias_attn": True, "bias_proj": True, "norm_first": False, "causal": False}


def _network(cfg: DictConfig) -> str | None:
    lm = cfg.transformer_lm
    for key, expected in _FIXED.items():
        if (found := lm.get(key, _UNLESS_SAID.get(key, expected))) != expected:
            return f"transformer_lm.{key} is {found}, and is {expected} there"
    if cfg.conditioners.description.t5.get("finetune"):
        return "its T5 was trained, too, and is not among its weights"
    if lm.dim in T5_WIDTHS.values() and lm.dim == T5_WIDTHS[cfg.conditioners.description.t5.name]:
        return f"it is as wide as its T5 ({lm.dim}): then there is no projection of the text there"
    return None


def _length(cfg: DictConfig) -> str | None:
    seconds = cfg.dataset.segment_duration
    return None if seconds > _AUDIOCRAFTS_STRIDE else f"its excerpts have {seconds:g} s, and audiocraft goes on by 18 s"


def _separation(cfg: DictConfig) -> str | None:
    if cfg.conditioners.self_wav.chroma_stem.get("separate", True):
        return None
    return "its reference is not separated, and audiocraft always separates"


LIMITS: dict[str, tuple[Reason, ...]] = {
    "ours": (),
    "audiocraft": (_conditions, _codec, _separation, _length),
    "transformers": (_conditions, _codec, _order, _network),
    "peft": (_conditions, _codec, _order, _network),
}


def require_carried(cfg: DictConfig, kind: str, format_name: str) -> None:
    """Stop if a format cannot hold all of a model.

    Raises:
        UserError: which part, and why.
    """
    if format_name != "ours" and kind != "lm":
        raise UserError(f"a codec cannot be written as {format_name}: only language models can; use --format ours")
    for reason in LIMITS[format_name]:
        if found := reason(cfg):
            raise UserError(f"this model cannot be written as {format_name}: {found}; use --format ours")

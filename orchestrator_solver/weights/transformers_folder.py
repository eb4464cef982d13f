"""MusicGen Melody in a folder of transformers' format, whoever wrote it: `config.json` and safetensors.

Its settings are data: sizes are compared with the weights before memory is taken, and no code that may lie beside them
is run. Weights that are no safetensors are not read.
"""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from omegaconf import OmegaConf
from safetensors import SafetensorError, safe_open

from dataset_builder.errors import UserError
from dataset_builder.runtime.untrusted import parse_json, read_regular, shown

from . import package_rules, transformers_names
from .description import PREFIX, checked_facts
from .package import Package, state_hash

if TYPE_CHECKING:
    from transformers import EncodecConfig, T5Config
    from transformers.models.musicgen_melody import MusicgenMelodyDecoderConfig

MODEL_TYPE = "musicgen_melody"
OURS = "music_orchestrator"  # in config.json: what transformers has no place for
_CONFIG, _WEIGHTS, _INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
_MOST_BYTES = 2**22  # of a JSON file
_TELL_TALES = ("encoder.block.0.layer.0.SelfAttention.q.weight", "encoder.final_layer_norm.weight")  # of T5
_HALF_PRECISION = 1e-3
_T5 = {512: "small", 768: "base", 1024: "large"}  # by width
_RADIX2_EXP = 14  # transformers' window unless preprocessor_config.json says otherwise: 16384 samples
_CHROMA_LENGTH = 235  # transformers' own: 30 s
_MOST_PARTS = {"num_residual_layers": 16, "num_lstm_layers": 16, "num_quantizers": 64, "upsampling_ratios": 8}
_ENCODERS = ("text_encoder.", "audio_encoder.")


def is_transformers_folder(folder: Path) -> bool:
    """Whether a folder's configuration says that it holds a MusicGen Melody of transformers."""
    try:
        return bool(_json(folder / _CONFIG).get("model_type") == MODEL_TYPE)
    except (OSError, ValueError):
        return False


def read_language_model(folder: Path) -> Package:
    """The language model of a folder; its codec is found by the folder's name.

    Raises:
        UserError: if it is torn, of another size than its settings say, or does what audiocraft's model does not.
    """
    with _told_in_a_line(folder):
        config = _configuration(folder)
        state = _language_model_state(folder)
        values = _settings(folder, config)
        _require_published_text_encoder(folder, values["conditioners"]["description"]["t5"]["name"])
        window = torch.hann_window(2 ** values["conditioners"]["self_wav"]["chroma_stem"]["radix2_exp"])
        state[transformers_names.CONSTANT] = window
        package_rules.check("lm", values, {name: tuple(one.shape) for name, one in state.items()})
        facts = checked_facts(_ours(folder).get("facts", {"published": str(folder)}))
        return Package("lm", OmegaConf.create(values), facts, state, state_hash(state))


def read_codec(folder: Path) -> torch.nn.Module:
    """The EnCodec of a folder, a model of transformers.

    Raises:
        UserError: as `read_language_model`.
    """
    from transformers import EncodecModel

    with _told_in_a_line(folder):
        config = _configuration(folder).audio_encoder
        _check_codec(config)
        prefix = _ENCODERS[1]
        state = {key.removeprefix(prefix): one for key, one in _tensors(folder, beginning=prefix)}
        state = transformers_names.with_parametrizations(state)
        with torch.device("meta"):
            expected = {name: tuple(one.shape) for name, one in EncodecModel(config).state_dict().items()}
        found = {name: tuple(one.shape) for name, one in state.items()}
        if other := sorted(name for name in expected.keys() | found.keys() if expected.get(name) != found.get(name)):
            raise package_rules.RefusedError(f"audio_encoder.{other[0]} is not as config.json says")
        model = EncodecModel(config)
        model.load_state_dict(state)
    return model.eval()


def _check_codec(config: "EncodecConfig") -> None:
    """Stop if there are more parts than a codec has: they are made before they can be compared with the weights.

    Raises:
        RefusedError: which are too many.
    """
    if config.audio_channels != 1:
        raise package_rules.RefusedError(f"its codec has {shown(config.audio_channels)} channels, expected 1")
    counts = {name: getattr(config, name) for name in _MOST_PARTS if name != "upsampling_ratios"}
    for name, found in {**counts, "upsampling_ratios": len(config.upsampling_ratios)}.items():
        if not 0 <= found <= _MOST_PARTS[name]:
            raise package_rules.RefusedError(f"audio_encoder.{name} has {shown(found)}, at most {_MOST_PARTS[name]}")


@contextmanager
def _told_in_a_line(folder: Path) -> Iterator[None]:
    """Raises UserError in place of whatever reading a folder raises."""
    try:
        yield
    except UserError:
        raise
    except torch.OutOfMemoryError:
        raise
    except (
        ArithmeticError, AttributeError, OSError, RuntimeError, ValueError, LookupError, TypeError, SafetensorError,
    ) as error:  # fmt: skip
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{folder} is no MusicGen Melody of transformers' that can be read here ({reason})") from error


def _json(path: Path) -> dict[str, Any]:
    found = parse_json(read_regular(path, _MOST_BYTES))
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} is no mapping")
    return found


def _ours(folder: Path) -> dict[str, Any]:
    """What our own export adds to a configuration; empty if somebody else wrote it."""
    found = _json(folder / _CONFIG).get(OURS, {})
    return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class _Configuration:
    """A folder's settings, with transformers' defaults where it says nothing."""

    text_encoder: "T5Config"
    audio_encoder: "EncodecConfig"
    decoder: "MusicgenMelodyDecoderConfig"
    chroma_length: int


def _configuration(folder: Path) -> _Configuration:
    """Sizes alone: other settings of transformers' can name code that it would fetch."""
    from huggingface_hub.errors import StrictDataclassError
    from transformers import EncodecConfig, T5Config
    from transformers.models.musicgen_melody import MusicgenMelodyDecoderConfig

    values = _json(folder / _CONFIG)
    for part, kind in (("text_encoder", "t5"), ("audio_encoder", "encodec")):
        if (found := values.get(part, {}).get("model_type")) != kind:
            raise ValueError(f"{part} is {shown(found)}, expected {kind}")
    try:
        text = T5Config(**_known(T5Config, values["text_encoder"]))
        codec = EncodecConfig(**_known(EncodecConfig, values["audio_encoder"]))
        decoder = MusicgenMelodyDecoderConfig(**_known(MusicgenMelodyDecoderConfig, values["decoder"]))
    except StrictDataclassError as error:  # no kind of ValueError
        raise ValueError(str(error)) from error
    return _Configuration(text, codec, decoder, values.get("chroma_length", _CHROMA_LENGTH))


def _known(kind: type, values: dict[str, Any]) -> dict[str, Any]:
    return {name: values[name] for name in kind.__annotations__ if name in values}


def _settings(folder: Path, config: _Configuration) -> dict[str, Any]:
    """What our configuration of the same model says."""
    lm, rate = config.decoder, int(config.audio_encoder.sampling_rate)
    if lm.audio_channels != 1:
        raise ValueError(f"it plays {lm.audio_channels} channels, expected 1")
    sizes = {
        "dim": lm.hidden_size, "num_heads": lm.num_attention_heads, "num_layers": lm.num_hidden_layers,
        "hidden_scale": lm.ffn_dim // lm.hidden_size, "n_q": lm.num_codebooks, "card": lm.vocab_size,
        "activation": lm.activation_function, "dropout": 0.0,
    }  # fmt: skip
    exponent = _RADIX2_EXP
    if (folder / "preprocessor_config.json").is_file():
        exponent = int(_json(folder / "preprocessor_config.json").get("n_fft", 2**_RADIX2_EXP)).bit_length() - 1
    ours = _ours(folder)
    return {
        "lm_model": "transformer_lm",
        "transformer_lm": {**sizes, **_AS_MUSICGEN},
        "codebooks_pattern": {"modeling": "delay", "delay": {"delays": list(range(lm.num_codebooks))}},
        "fuser": {"sum": [], "cross": [], "input_interpolate": [], "prepend": ["self_wav", "description"],
                  "cross_attention_pos_emb": False, "cross_attention_pos_emb_scale": 1},
        "conditioners": {
            "self_wav": {"model": "chroma_stem", "chroma_stem": {"sample_rate": rate, "radix2_exp": exponent}},
            "description": {"model": "t5", "t5": {"name": _text_encoder(config.text_encoder), "finetune": False}},
        },
        "classifier_free_guidance": {"training_dropout": 0.2, "inference_coef": _guidance(folder)},
        "attribute_dropout": {},
        "sample_rate": rate,
        "codec_frame_rate": config.audio_encoder.frame_rate,
        "compression_model_checkpoint": PREFIX + str(folder),
        "dataset": {"segment_duration": ours.get("seconds", _seconds(config.chroma_length, rate, exponent))},
    }  # fmt: skip


_AS_MUSICGEN = {
    "causal": True, "norm_first": True, "bias_ff": False, "bias_attn": False, "bias_proj": False,
    "positional_embedding": "sin", "memory_efficient": True, "weight_init": "gaussian", "depthwise_init": "current",
    "zero_bias_init": True, "cross_attention": False,
}  # fmt: skip


def _seconds(frames: int, rate: int, exponent: int) -> float:
    """Seconds of an excerpt whose chroma has so many frames, in whole ones if there are such."""
    hop = 2**exponent // 4
    least = (frames - 1) * hop / rate
    return float(ceil(least)) if 1 + int(rate * ceil(least)) // hop == frames else least


def _guidance(folder: Path) -> float:
    path = folder / "generation_config.json"
    return float((_json(path).get("guidance_scale") if path.is_file() else None) or 3.0)


def _text_encoder(config: "T5Config") -> str:
    """The published T5 that this is, by its width and its feed-forward."""
    gated = "google/flan-t5-" if config.is_gated_act else "t5-"
    if config.d_model not in _T5:
        raise ValueError(f"its T5 is {config.d_model} wide, expected one of {', '.join(map(str, _T5))}")
    return gated + _T5[config.d_model]


def _require_published_text_encoder(folder: Path, name: str) -> None:
    """Stop if a folder's T5 was trained: here the published one of the cache is read, which is never trained.

    Raises:
        ValueError: if two of its weights are others.
    """
    from huggingface_hub import try_to_load_from_cache

    published = try_to_load_from_cache(name, _WEIGHTS)
    if not isinstance(published, str):
        return
    wanted = {f"{_ENCODERS[0]}{key}": key for key in _TELL_TALES}
    with safe_open(published, "pt") as file:
        for key, found in _tensors(folder, wanted):
            expected = file.get_tensor(wanted[key])
            near = 0 if found.dtype == expected.dtype else _HALF_PRECISION
            if not torch.allclose(found.float(), expected.float(), rtol=near, atol=near):
                raise ValueError(f"its T5 is not the published {name}, and only that is read here")


def _language_model_state(folder: Path) -> dict[str, torch.Tensor]:
    return transformers_names.from_transformers(dict(_tensors(folder, without=_ENCODERS)))


def _tensors(
    folder: Path, names: Collection[str] = (), beginning: str = "", without: tuple[str, ...] = ()
) -> Iterator[tuple[str, torch.Tensor]]:
    """Weights by name, of one file or of the parts that an index names; no others are read.

    Args:
        folder: where they are.
        names: which; by default all.
        beginning: of their names.
        without: beginnings of the names of others.
    """
    files = {_WEIGHTS}
    if not (folder / _WEIGHTS).is_file() and (folder / _INDEX).is_file():
        files = set(_json(folder / _INDEX)["weight_map"].values())
    for part in sorted(files):
        if not re.fullmatch(r"[\w-]+\.safetensors", part):
            raise ValueError(f"{shown(part)} is no file of weights")
        with safe_open(folder / part, "pt") as file:
            for key in file.keys():  # noqa: SIM118 (no mapping)
                if (key in names or not names) and key.startswith(beginning) and not key.startswith(without):
                    yield key, file.get_tensor(key)

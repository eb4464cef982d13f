"""What transformers calls the parts of MusicGen Melody and of its EnCodec, from audiocraft's names and back.

transformers keeps queries, keys and values apart. It has no mask of a reference: a reference that is not given is its
first class there, and our silence is a zero condition. So `to_transformers` gives it 13 classes, of which the first
stands for nothing: its column takes the bias off, and what is left is zero, with guidance, too.
"""

import re
from collections.abc import Mapping, Sequence

import torch
from omegaconf import DictConfig

State = Mapping[str, torch.Tensor]
Pairs = Sequence[tuple[str, str]]  # N stands for a number, * for the rest of a name

CLASSES = 13  # nothing, C, C sharp ... B
TEXT = ("condition_provider.conditioners.description.output_proj.*", "enc_to_dec_proj.*")
MELODY = ("condition_provider.conditioners.self_wav.output_proj.*", "audio_enc_to_dec_proj.*")
_LAYER, _THEIR_LAYER = "transformer.layers.N.", "decoder.model.decoder.layers.N."
OUT_PROJECTION = (f"{_LAYER}self_attn.out_proj.*", f"{_THEIR_LAYER}self_attn.out_proj.*")
FEED_FORWARD = ((f"{_LAYER}linear1.*", f"{_THEIR_LAYER}fc1.*"), (f"{_LAYER}linear2.*", f"{_THEIR_LAYER}fc2.*"))
LANGUAGE_MODEL: Pairs = (
    ("emb.N.weight", "decoder.model.decoder.embed_tokens.N.weight"),
    ("linears.N.weight", "decoder.lm_heads.N.weight"),
    ("out_norm.*", "decoder.model.decoder.layer_norm.*"),
    OUT_PROJECTION,
    *FEED_FORWARD,
    (f"{_LAYER}norm1.*", f"{_THEIR_LAYER}self_attn_layer_norm.*"),
    (f"{_LAYER}norm2.*", f"{_THEIR_LAYER}final_layer_norm.*"),
    TEXT,
    MELODY,
)
CODEC: Pairs = (
    ("encoder.model.N.conv.conv.*", "encoder.layers.N.conv.*"),
    ("decoder.model.N.conv.conv.*", "decoder.layers.N.conv.*"),
    ("decoder.model.N.convtr.convtr.*", "decoder.layers.N.conv.*"),
    ("encoder.model.N.block.N.conv.conv.*", "encoder.layers.N.block.N.conv.*"),
    ("decoder.model.N.block.N.conv.conv.*", "decoder.layers.N.block.N.conv.*"),
    ("encoder.model.N.shortcut.conv.conv.*", "encoder.layers.N.shortcut.conv.*"),
    ("decoder.model.N.shortcut.conv.conv.*", "decoder.layers.N.shortcut.conv.*"),
    ("encoder.model.N.lstm.*", "encoder.layers.N.lstm.*"),
    ("decoder.model.N.lstm.*", "decoder.layers.N.lstm.*"),
    ("quantizer.vq.layers.N._codebook.*", "quantizer.layers.N.codebook.*"),
)
_ATTENTION_IN = re.compile(r"transformer\.layers\.(\d+)\.self_attn\.in_proj_weight")
THIRDS = ("q", "k", "v")  # of audiocraft's one matrix, from above
_SAME_WEIGHT = {"weight_g": "parametrizations.weight.original0", "weight_v": "parametrizations.weight.original1"}
CONSTANT = (
    "condition_provider.conditioners.self_wav.chroma.spec.window"  # of the chroma's frames: computed, not trained
)


def hop_of(cfg: DictConfig) -> int:
    """Samples between frames of the reference."""
    return int(2**cfg.conditioners.self_wav.chroma_stem.radix2_exp) // 4


def chroma_length(cfg: DictConfig) -> int:
    """Frames of the reference before the codes."""
    return 1 + int(cfg.conditioners.self_wav.chroma_stem.sample_rate * cfg.dataset.segment_duration) // hop_of(cfg)


def renamed(name: str, pairs: Pairs) -> str | None:
    """The name on the right of the pair whose left fits, None if none fits."""
    for left, right in pairs:
        pattern = re.escape(left).replace("N", r"(\d+)").replace(r"\*", "(.+)")
        if found := re.fullmatch(pattern, name):
            return re.sub(r"N|\*", "{}", right).format(*found.groups())
    return None


def backwards(pairs: Pairs) -> Pairs:
    """The same pairs, from right to left."""
    return [(right, left) for left, right in pairs]


def thirds_of(layer: str | int) -> list[str]:
    """transformers' names of a layer's queries, keys and values."""
    return [f"decoder.model.decoder.layers.{layer}.self_attn.{third}_proj.weight" for third in THIRDS]


def to_transformers(state: State) -> dict[str, torch.Tensor]:
    """A language model of audiocraft's as transformers names it, in single precision.

    Raises:
        KeyError: if there is a weight that has no name there.
    """
    found: dict[str, torch.Tensor] = {}
    for name, value in state.items():
        if attention := _ATTENTION_IN.fullmatch(name):
            found.update(zip(thirds_of(attention[1]), value.float().chunk(3), strict=True))
        elif name != CONSTANT:
            found[_known(renamed(name, LANGUAGE_MODEL), name)] = value.float()
    weight, bias = (f"audio_enc_to_dec_proj.{part}" for part in ("weight", "bias"))
    if weight in found:
        found[weight] = with_nothing(found[weight], found[bias])
    return {name: value.contiguous() for name, value in found.items()}


def with_nothing(weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
    """A projection `[D, 12]` of pitch classes with a class before them that, with the bias `[D]`, makes zero."""
    return torch.cat([-bias[:, None], weight], dim=1)


def without_nothing(weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor | None:
    """The projection of the 12 pitch classes; None if its first class does not stand for nothing, as ours does."""
    if weight.shape[1] == CLASSES - 1:
        return weight
    return weight[:, 1:] if torch.equal(weight[:, 0], -bias) else None


def from_transformers(state: State) -> dict[str, torch.Tensor]:
    """A language model as audiocraft names it, from transformers' weights without those of encoders.

    Raises:
        KeyError: if there is a weight that is no part of MusicGen Melody.
        ValueError: if the first of 13 pitch classes does not stand for nothing.
    """
    pairs = backwards(LANGUAGE_MODEL)
    found: dict[str, torch.Tensor] = {}
    layers = {int(re.split(r"\D+", name)[1]) for name in state if ".self_attn.q_proj." in name}
    thirds = {name for layer in layers for name in thirds_of(layer)}
    for layer in sorted(layers):
        whole = torch.cat([state[name] for name in thirds_of(layer)])
        found[f"transformer.layers.{layer}.self_attn.in_proj_weight"] = whole
    for name, value in state.items():
        if name not in thirds and ".embed_positions." not in name:  # those are computed
            found[_known(renamed(name, pairs), name)] = value
    weight, bias = (MELODY[0].replace("*", part) for part in ("weight", "bias"))
    plain = without_nothing(found[weight], found[bias])
    if plain is None:
        raise ValueError("its 13 pitch classes do not begin with one that stands for nothing")
    return {**found, weight: plain.contiguous()}


def codec_to_transformers(state: State) -> dict[str, torch.Tensor]:
    """EnCodec's weights as transformers names them.

    Raises:
        KeyError: if there is a weight that has no name there.
    """
    found = {_known(renamed(name, CODEC), name): value.float() for name, value in state.items()}
    return with_parametrizations(found)


def with_parametrizations(state: State) -> dict[str, torch.Tensor]:
    """Weights that are kept as length and direction, under the names that torch has for them now."""
    parts = {name: name.rpartition(".") for name in state}
    return {f"{front}.{_SAME_WEIGHT.get(last, last)}": state[name] for name, (front, _, last) in parts.items()}


def _known(name: str | None, of: str) -> str:
    if name is None:
        raise KeyError(of)
    return name

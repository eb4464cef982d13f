"""What a model package's configuration may say: it is somebody else's data, and it decides what is built from what.

Every key and every value has a rule. What is not named here is refused, before OmegaConf or a builder sees it: nothing
is read from the environment, fetched from an address, written to a path or built larger than the weights are.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

Check = Callable[[Any], bool]
Shapes = Mapping[str, tuple[int, ...]]

T5_WIDTHS = {
    "t5-small": 512, "t5-base": 768, "t5-large": 1024,
    "google/flan-t5-small": 512, "google/flan-t5-base": 768, "google/flan-t5-large": 1024,
}  # fmt: skip
CODECS_AT_THE_HUB = re.compile(r"facebook/(musicgen-(stereo-)?(small|medium|large|melody|melody-large)|encodec_32khz)")
_NAME = re.compile(r"(?!args$)[A-Za-z]\w{0,39}")
_MOST_LISTED = 64


class RefusedError(ValueError):
    """Which setting of a configuration is not allowed, and what it is."""


@dataclass(frozen=True)
class Section:
    """A mapping of a configuration: the keys that it must have, and those that it may have beside."""

    needed: Mapping[str, "Check | Section"]
    optional: Mapping[str, "Check | Section"] = field(default_factory=dict)


def whole(low: int, high: int) -> Check:
    """Whole numbers of a range."""
    return lambda value: type(value) is int and low <= value <= high


def number(low: float, high: float) -> Check:
    """Numbers of a range."""
    return lambda value: type(value) in (int, float) and low <= value <= high


def word(*words: str) -> Check:
    """One of these words."""
    return lambda value: isinstance(value, str) and value in words


def maybe(check: Check) -> Check:
    """What another rule allows, or null."""
    return lambda value: value is None or check(value)


def many(check: Check) -> Check:
    """Short lists of what another rule allows."""
    return lambda value: isinstance(value, list) and len(value) <= _MOST_LISTED and all(map(check, value))


def _flag(value: Any) -> bool:
    return isinstance(value, bool)


def _null(value: Any) -> bool:
    return value is None


def _name(value: Any) -> bool:
    return isinstance(value, str) and _NAME.fullmatch(value) is not None


def _shares(value: Any) -> bool:
    """Whether it is names with probabilities."""
    return isinstance(value, dict) and all(_name(key) and _SHARE(one) for key, one in value.items())


def _hop(value: Any) -> bool:
    """Whether a frame of the nano codec can have so many samples: parts of it are a fifth and a quarter of it."""
    return whole(20, 2048)(value) and value % 20 == 0


_SHARE = number(0, 1)
_RATE = whole(1000, 384_000)
_SIZE = whole(1, 65_536)
_FEW = whole(0, 64)

_TRANSFORMER = Section(
    {
        "dim": _SIZE, "num_heads": whole(1, 1024), "num_layers": whole(1, 256), "hidden_scale": whole(1, 64),
        "n_q": whole(1, 64), "card": _SIZE, "causal": _flag,
    },
    {
        "dropout": _SHARE, "emb_lr": maybe(number(0, 1)), "activation": word("gelu", "relu"), "norm_first": _flag,
        "bias_ff": _flag, "bias_attn": _flag, "bias_proj": _flag, "past_context": maybe(whole(1, 100_000)),
        "custom": _flag, "memory_efficient": _flag, "attention_as_float32": _flag, "layer_scale": maybe(number(0, 1)),
        "positional_embedding": word("sin", "rope", "sin_rope"), "xpos": _flag,
        "checkpointing": word("none", "torch", "xformers_default", "xformers_mm"),
        "weight_init": maybe(word("gaussian", "uniform")), "depthwise_init": maybe(word("current", "global")),
        "zero_bias_init": _flag, "norm": word("layer_norm"), "cross_attention": _flag, "qk_layer_norm": _flag,
        "qk_layer_norm_cross": _flag, "attention_dropout": maybe(_SHARE), "kv_repeat": whole(1, 64),
        "two_step_cfg": _flag, "q_modeling": maybe(word("delay", "parallel")),
    },
)  # fmt: skip

CONDITIONERS: dict[str, Section] = {
    "words": Section({"dim": _SIZE, "n_bins": whole(2, 2**24)}),
    "chroma": Section({"sample_rate": _RATE, "radix2_exp": whole(9, 16), "context": _FEW}),
    "chroma_stem": Section(
        {"sample_rate": _RATE, "radix2_exp": whole(9, 16)},
        {
            "n_chroma": whole(12, 12), "argmax": _flag, "separate": _flag, "cache_path": _null,
            "match_len_on_eval": _flag, "eval_wavs": _null, "n_eval_wavs": whole(0, 10_000),
        },
    ),
    "t5": Section(
        {"name": word(*T5_WIDTHS), "finetune": _flag},
        {
            "word_dropout": _SHARE, "normalize_text": _flag,
            "autocast_dtype": maybe(word("float32", "float16", "bfloat16")),
        },
    ),
}  # fmt: skip

_LM = Section(
    {
        "lm_model": word("transformer_lm"),
        "transformer_lm": _TRANSFORMER,
        "codebooks_pattern": Section(
            {"modeling": word("delay", "parallel")},
            {
                "delay": Section({"delays": many(_FEW)}, {"flatten_first": _FEW, "empty_initial": _FEW}),
                "parallel": Section({}, {"empty_initial": _FEW}),
            },
        ),
        "fuser": Section(
            {"sum": many(_name), "cross": many(_name), "prepend": many(_name), "input_interpolate": many(_name)},
            {"cross_attention_pos_emb": _flag, "cross_attention_pos_emb_scale": number(0, 1000)},
        ),
        "conditioners": lambda value: isinstance(value, dict) and all(map(_name, value)),  # each is looked at below
        "classifier_free_guidance": Section({"training_dropout": _SHARE, "inference_coef": number(0, 100)}),
        "attribute_dropout": Section(
            {}, {"args": Section({}, {"active_on_eval": _flag}), "text": _shares, "wav": _shares}
        ),
        "sample_rate": _RATE,
        "compression_model_checkpoint": lambda value: isinstance(value, str),  # the package itself looks at it
        "dataset": Section({"segment_duration": number(0.01, 600)}),
    },
    {"codec_frame_rate": number(1, 1000)},
)  # fmt: skip

_ACTIVATION = word("ELU", "ReLU", "LeakyReLU", "GELU", "Tanh", "Identity")
_ACTIVATION_ARGS = Section({}, {"alpha": number(0, 100)})
_SEANET_CODER: dict[str, Check | Section] = {
    "channels": whole(1, 2), "dimension": _SIZE, "n_filters": whole(1, 1024), "n_residual_layers": _FEW,
    "ratios": many(whole(1, 64)), "activation": _ACTIVATION, "activation_params": _ACTIVATION_ARGS,
    "norm": word("none", "weight_norm", "spectral_norm", "time_group_norm"), "norm_params": Section({}),
    "kernel_size": _FEW, "last_kernel_size": _FEW, "residual_kernel_size": _FEW, "dilation_base": whole(1, 8),
    "causal": _flag, "pad_mode": word("reflect", "constant", "replicate"), "true_skip": _flag, "compress": _FEW,
    "lstm": whole(0, 16), "disable_norm_outer_blocks": _FEW,
}  # fmt: skip
_SEANET_END: dict[str, Check | Section] = {
    "trim_right_ratio": _SHARE, "final_activation": maybe(_ACTIVATION),
    "final_activation_params": lambda value: value is None or value == {},
}  # fmt: skip
_RVQ = Section(
    {"n_q": whole(1, 64), "bins": _SIZE},
    {
        "q_dropout": _flag, "no_quantization_rate": _SHARE, "decay": _SHARE, "kmeans_init": _flag,
        "kmeans_iters": whole(0, 1000), "threshold_ema_dead_code": number(0, 1000),
        "orthogonal_reg_weight": number(0, 1000), "orthogonal_reg_active_codes_only": _flag,
        "orthogonal_reg_max_codes": maybe(_SIZE),
    },
)  # fmt: skip
_CODEC = Section(
    {
        "compression_model": word("encodec"),
        "encodec": Section(
            {
                "autoencoder": word("spectral", "seanet"), "quantizer": word("rvq"), "sample_rate": _RATE,
                "channels": whole(1, 2),
            },
            {"causal": _flag, "renormalize": _flag},
        ),
        "rvq": _RVQ,
        "sample_rate": _RATE,
        "channels": whole(1, 2),
    },
    {
        "spectral": Section({
            "dimension": _SIZE, "hop_length": _hop, "encoder_width": _SIZE, "encoder_blocks": _FEW,
            "decoder_width": _SIZE, "decoder_blocks": _FEW, "sample_rate": _RATE, "per_semitone": whole(1, 12),
            "tone_steps": whole(1, 64), "bands": whole(2, 4096),
        }),
        "seanet": Section(
            {"dimension": _SIZE, "n_filters": whole(1, 1024), "ratios": many(whole(1, 64))},
            {**_SEANET_CODER, "encoder": Section({}, _SEANET_CODER),
             "decoder": Section({}, {**_SEANET_CODER, **_SEANET_END})},
        ),
    },
)  # fmt: skip
_KINDS = {"lm": _LM, "codec": _CODEC}


def check(kind: str, cfg: Any, shapes: Shapes) -> None:
    """Look at all of a configuration, and compare its sizes with those of the weights.

    Args:
        kind: codec | lm.
        cfg: as it was read from JSON.
        shapes: of the weights, by name.

    Raises:
        RefusedError: naming the first setting that is not allowed.
    """
    _follow(_KINDS[kind], cfg, "cfg")
    if kind == "lm":
        for name, one in cfg["conditioners"].items():
            check_conditioner(one, f"cfg.conditioners.{name}")
        _check_fuser(cfg)
    check_sizes(kind, cfg, shapes)


def check_sizes(kind: str, cfg: dict[str, Any], shapes: Shapes) -> None:
    """Compare the sizes that follow from a configuration with those of the weights, before memory is taken for them.

    Raises:
        RefusedError: naming the first weight that is of another size.
    """
    for name, expected in _lm_shapes(cfg) if kind == "lm" else _codec_shapes(cfg):
        if shapes.get(name) != expected:
            raise RefusedError(f"by cfg {name} is {expected}, among the weights it is {shapes.get(name, 'missing')}")


def check_memory(cfg: dict[str, Any], shapes: Shapes) -> None:
    """Look at what decides how much memory a language model takes, also of a published one that says more than ours.

    Args:
        cfg: resolved.
        shapes: of the weights, by name.

    Raises:
        RefusedError: naming the first size that is not allowed, or not that of the weights.
    """
    for name, one in cfg["conditioners"].items():
        if name == "args":
            continue
        kind = check_conditioner_kind(one, f"cfg.conditioners.{name}")
        rules = {**CONDITIONERS[kind].optional, **CONDITIONERS[kind].needed}
        for key, value in one[kind].items():
            if type(value) in (int, float) and key in rules:
                _follow(rules[key], value, f"cfg.conditioners.{name}.{kind}.{key}")
    check_sizes("lm", cfg, shapes)


def _check_fuser(cfg: dict[str, Any]) -> None:
    for way in ("sum", "cross", "prepend", "input_interpolate"):
        for name in cfg["fuser"][way]:
            if name not in cfg["conditioners"]:
                raise RefusedError(f"cfg.fuser.{way} names {name}, which is none of cfg.conditioners")


def check_conditioner(value: Any, where: str) -> None:
    """Look at the settings of one condition: its kind, and the arguments of that kind.

    Raises:
        RefusedError: naming the setting that is not allowed.
    """
    kind = check_conditioner_kind(value, where)
    _follow(Section({"model": word(kind), kind: CONDITIONERS[kind]}), value, where)


def check_conditioner_kind(value: Any, where: str) -> str:
    """The kind of a condition.

    Raises:
        RefusedError: if it is none that is known.
    """
    kind = value.get("model") if isinstance(value, dict) else None
    if not isinstance(kind, str) or kind not in CONDITIONERS:
        raise RefusedError(f"{where}.model is {_shown(kind)}, expected one of {', '.join(CONDITIONERS)}")
    return kind


def _follow(rule: Check | Section, value: Any, where: str) -> None:
    if not isinstance(rule, Section):
        if not rule(value):
            raise RefusedError(f"{where} may not be {_shown(value)}")
        return
    if not isinstance(value, dict):
        raise RefusedError(f"{where} may not be {_shown(value)}")
    rules = {**rule.optional, **rule.needed}
    for key in (*value, *rule.needed):
        if key not in rules:
            raise RefusedError(f"{where} may not hold {_shown(key)}")
        if key not in value:
            raise RefusedError(f"{where} lacks {key}")
        _follow(rules[key], value[key], f"{where}.{key}")


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _lm_shapes(cfg: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of weights that all sizes of a language model's configuration follow from."""
    lm = cfg["transformer_lm"]
    width, card = lm["dim"], lm["card"]
    for index in range(lm["n_q"]):
        yield f"emb.{index}.weight", (card + 1, width)
        yield f"linears.{index}.weight", (card, width)
    for index in range(lm["num_layers"]):
        yield f"transformer.layers.{index}.linear1.weight", (lm["hidden_scale"] * width, width)
    for name, one in cfg["conditioners"].items():
        if name == "args":  # audiocraft's, of all conditions together
            continue
        begin, args = f"condition_provider.conditioners.{name}", one[one["model"]]
        if one["model"] == "words":
            yield f"{begin}.words.weight", (args["n_bins"], args["dim"])
        yield f"{begin}.output_proj.weight", (width, _condition_width(one["model"], args))


def _condition_width(kind: str, args: dict[str, Any]) -> int:
    """How wide a condition is before its projection."""
    if kind == "words":
        return 2 * int(args["dim"])
    if kind == "chroma":
        return 12 * (2 * int(args["context"]) + 1)
    return 12 if kind == "chroma_stem" else T5_WIDTHS[args["name"]]


def _codec_shapes(cfg: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Names and shapes of weights that all sizes of a codec's configuration follow from."""
    kind = cfg["encodec"]["autoencoder"]
    if kind not in cfg:
        raise RefusedError(f"cfg lacks {kind}")
    yield from _spectral_shapes(cfg["spectral"]) if kind == "spectral" else _seanet_shapes(cfg["seanet"])
    for index in range(cfg["rvq"]["n_q"]):
        yield f"quantizer.vq.layers.{index}._codebook.embed", (cfg["rvq"]["bins"], cfg[kind]["dimension"])


def _spectral_shapes(args: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    dimension = args["dimension"]
    yield "encoder.leave.weight", (dimension, args["encoder_width"], 1)
    yield "decoder.enter.weight", (args["decoder_width"], dimension, 1)
    yield "decoder.noise.loudness.weight", (5 * args["bands"], args["decoder_width"])
    for side in ("encoder", "decoder"):
        width = args[f"{side}_width"]
        for index in range(args[f"{side}_blocks"]):
            yield f"{side}.blocks.{index}.narrow.weight", (width, 3 * width)


def _seanet_shapes(args: dict[str, Any]) -> Iterator[tuple[str, tuple[int, ...]]]:
    """All of SEANet's, from networks that take no memory."""
    import torch
    from audiocraft.modules import SEANetDecoder, SEANetEncoder

    shared = {key: value for key, value in args.items() if key not in ("encoder", "decoder")}
    for side, network in (("encoder", SEANetEncoder), ("decoder", SEANetDecoder)):
        try:
            with torch.device("meta"):
                state = network(**{**shared, **args.get(side, {})}).state_dict()
        except (ArithmeticError, AssertionError, RuntimeError, TypeError, ValueError) as error:
            raise RefusedError(f"cfg.seanet makes no {side} ({error})") from error
        for name, tensor in state.items():
            yield f"{side}.{name}", tuple(tensor.shape)

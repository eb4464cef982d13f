"""A language model, its codec and its T5 as one model of transformers, MusicgenMelodyForConditionalGeneration.

Weights are in single precision, since transformers computes in the precision that it finds.
"""

import math
from pathlib import Path
from shutil import copyfile
from typing import TYPE_CHECKING, Any

import torch
from omegaconf import DictConfig, OmegaConf
from safetensors.torch import save_file

from dataset_builder.runtime import atomic

from ..models import loading
from ..models.runs import BestOfRun
from ..weights import transformers_names
from ..weights.hub import from_hub, require
from ..weights.package import PREFIX, folder_of, load
from ..weights.transformers_folder import OURS, is_transformers_folder, read_codec

if TYPE_CHECKING:
    from transformers import EncodecConfig, EncodecModel, T5EncoderModel

_GENERATED = 250  # of the likeliest codes one is drawn, as audiocraft does


def write(source: BestOfRun, folder: Path, facts: dict[str, Any]) -> None:
    """Write `config.json`, `generation_config.json`, `model.safetensors` and the processor's files.

    Raises:
        UserError: if the codec or T5 cannot be had.
    """
    state = transformers_names.to_transformers(source.state)
    text, codec = _text_encoder(source.cfg), _codec(source.cfg)
    config = _config(source.cfg, text, codec)
    config.update({OURS: {"facts": facts, "seconds": float(source.cfg.dataset.segment_duration)}})
    state |= {f"audio_encoder.{name}": value.float() for name, value in codec.state_dict().items()}
    tied = "encoder.embed_tokens.weight"  # T5's own copy of `shared`, which transformers ties again
    state |= {f"text_encoder.{name}": value for name, value in text.state_dict().items() if name != tied}
    _processor(source.cfg, folder)
    _generation(source.cfg, config).save_pretrained(folder)
    with atomic.replacing(folder / "model.safetensors") as temporary:
        save_file({name: value.contiguous() for name, value in state.items()}, temporary, {"format": "pt"})
        temporary.chmod(0o644)  # safetensors makes it private
    config.save_pretrained(folder)  # the last: a folder with one is whole


def _text_encoder(cfg: DictConfig) -> "T5EncoderModel":
    from transformers import T5EncoderModel

    name = cfg.conditioners.description.t5.name
    require(name)
    with from_hub(name):
        return T5EncoderModel.from_pretrained(name, dtype=torch.float32)


def _codec(cfg: DictConfig) -> torch.nn.Module:
    """The codec, which transformers may have already."""
    name = str(cfg.compression_model_checkpoint).removeprefix(PREFIX)
    if is_transformers_folder(Path(name)):
        return read_codec(Path(name))
    model = loading.load_codec(name)
    if hasattr(model, "model") and hasattr(model.model, "config"):  # audiocraft's wrapper of transformers' own
        return model.model
    return _converted(model, _codec_settings(name))


def _codec_settings(name: str) -> DictConfig:
    """The configuration of a codec of audiocraft's."""
    from audiocraft.models.loaders import load_compression_model_ckpt

    if folder_of(name):
        return load(name, "codec").cfg
    with from_hub(name):
        return OmegaConf.create(load_compression_model_ckpt(name)["xp.cfg"])


def _converted(codec: torch.nn.Module, cfg: DictConfig) -> "EncodecModel":
    """A codec of audiocraft's as transformers' model."""
    from transformers import EncodecModel

    model = EncodecModel(_codec_config(cfg))
    state = transformers_names.codec_to_transformers(codec.state_dict())
    kept = {name: value for name, value in state.items() if name in model.state_dict()}
    assert all(name.endswith(("embed_avg", "inited", "cluster_size")) for name in state.keys() - kept.keys())
    model.load_state_dict(kept)
    return model.eval()


def _codec_config(cfg: DictConfig) -> "EncodecConfig":
    from transformers import EncodecConfig

    net = OmegaConf.to_container(cfg.seanet, resolve=False)
    assert isinstance(net, dict)
    frames = int(cfg.sample_rate) / torch.tensor(net["ratios"]).prod().item()
    bits = (int(cfg.rvq.bins) - 1).bit_length()
    return EncodecConfig(
        sampling_rate=int(cfg.sample_rate), audio_channels=int(cfg.channels), normalize=False,
        target_bandwidths=[cfg.rvq.n_q * bits * frames / 1000], num_filters=net["n_filters"],
        upsampling_ratios=net["ratios"], codebook_size=cfg.rvq.bins, codebook_dim=net["dimension"],
        hidden_size=net["dimension"], num_residual_layers=net.get("n_residual_layers", 1),
        num_lstm_layers=net.get("lstm", 0), use_causal_conv=bool(net.get("causal") is True),
        use_conv_shortcut=not net.get("true_skip", True), norm_type=net.get("norm", "none"),
        pad_mode=net.get("pad_mode", "reflect"), kernel_size=net.get("kernel_size", 7),
        last_kernel_size=net.get("last_kernel_size", 7), residual_kernel_size=net.get("residual_kernel_size", 3),
        dilation_growth_rate=net.get("dilation_base", 2), compress=net.get("compress", 2), chunk_length_s=None,
    )  # fmt: skip


def _config(cfg: DictConfig, text: Any, codec: Any) -> Any:
    """The whole model's settings, with those of its encoders."""
    from transformers import MusicgenMelodyConfig
    from transformers.models.musicgen_melody import MusicgenMelodyDecoderConfig

    lm = cfg.transformer_lm
    decoder = MusicgenMelodyDecoderConfig(
        vocab_size=lm.card, hidden_size=lm.dim, num_hidden_layers=lm.num_layers, num_attention_heads=lm.num_heads,
        ffn_dim=lm.dim * lm.hidden_scale, num_codebooks=lm.n_q, audio_channels=1, dropout=float(lm.get("dropout", 0)),
        activation_function=lm.get("activation", "gelu"), pad_token_id=lm.card, bos_token_id=lm.card,
    )  # fmt: skip
    return MusicgenMelodyConfig(
        text_encoder=text.config, audio_encoder=codec.config, decoder=decoder,
        num_chroma=transformers_names.CLASSES, chroma_length=transformers_names.chroma_length(cfg),
        architectures=["MusicgenMelodyForConditionalGeneration"], dtype="float32",
    )  # fmt: skip


def _generation(cfg: DictConfig, config: Any) -> Any:
    from transformers import GenerationConfig

    start = config.decoder.bos_token_id
    steps = int(cfg.dataset.segment_duration * config.audio_encoder.frame_rate)
    return GenerationConfig(
        do_sample=True, top_k=_GENERATED, guidance_scale=float(cfg.classifier_free_guidance.inference_coef),
        max_length=steps + cfg.transformer_lm.n_q, pad_token_id=start, bos_token_id=start, decoder_start_token_id=start,
    )  # fmt: skip


def _processor(cfg: DictConfig, folder: Path) -> None:
    """The tokenizer and the extractor of chroma, with its code beside it."""
    from transformers import AutoTokenizer

    from . import silent_chroma

    name = cfg.conditioners.description.t5.name
    with from_hub(name):
        AutoTokenizer.from_pretrained(name).save_pretrained(folder)
    rate, hop = int(cfg.conditioners.self_wav.chroma_stem.sample_rate), transformers_names.hop_of(cfg)
    seconds = float(cfg.dataset.segment_duration)
    extractor = silent_chroma.SilentChromaFeatureExtractor(
        seconds, sampling_rate=rate, hop_length=hop, n_fft=4 * hop, chunk_length=math.ceil(seconds)
    )
    module = Path(silent_chroma.__file__)
    copyfile(module, folder / module.name)
    found = {
        **extractor.to_dict(),
        "feature_extractor_type": "MusicgenMelodyFeatureExtractor",  # without our code: for text alone
        "processor_class": "MusicgenMelodyProcessor",
        "auto_map": {"AutoFeatureExtractor": f"{module.stem}.{type(extractor).__name__}"},
    }
    atomic.write_json(folder / "preprocessor_config.json", found)

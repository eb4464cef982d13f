"""A local copy of the hub's cache: files in the published formats and widths, with few layers and random weights.

Formats: audiocraft's packages (`state_dict.bin`, `compression_state_dict.bin`: a state and its configuration as YAML),
transformers' folders (T5, EnCodec), demucs' safetensors with its class in their metadata, and demucs' older pickle.
"""

from fractions import Fraction
from pathlib import Path

import pytest
import torch

from orchestrator_solver.bench.random_hub import put, put_codec, put_htdemucs, put_package, put_t5, separator_package

# What audiocraft's recipe of MusicGen Melody says, with what a run's configuration holds beside the model.
LM_YAML = """
solver: musicgen
sample_rate: 32000
channels: 1
device: cuda
dtype: float32
compression_model_checkpoint: //pretrained/facebook/encodec_32khz
slurm: {partition: "${oc.env:NOT_SET_ANYWHERE}"}
dataset: {segment_duration: 30, batch_size: 192}
lm_model: transformer_lm
transformer_lm: {n_q: 4, card: 2048, dim: 1536, num_heads: 24, num_layers: LAYERS, hidden_scale: 4, dropout: 0.0,
  emb_lr: null, activation: gelu, norm_first: true, bias_ff: false, bias_attn: false, bias_proj: false,
  past_context: null, causal: true, custom: false, memory_efficient: true, attention_as_float32: false,
  layer_scale: null, positional_embedding: sin, xpos: false, checkpointing: torch, weight_init: gaussian,
  depthwise_init: current, zero_bias_init: true, norm: layer_norm, cross_attention: false, qk_layer_norm: false,
  qk_layer_norm_cross: false, attention_dropout: null, kv_repeat: 1}
codebooks_pattern: {modeling: delay, delay: {delays: [0, 1, 2, 3], flatten_first: 0, empty_initial: 0}}
classifier_free_guidance: {training_dropout: 0.2, inference_coef: 3.0}
attribute_dropout: {args: {active_on_eval: false}, text: {}, wav: {self_wav: 0.5}}
fuser: {cross_attention_pos_emb: false, cross_attention_pos_emb_scale: 1, sum: [], prepend: [self_wav, description],
  cross: [], input_interpolate: []}
conditioners:
  self_wav:
    model: chroma_stem
    chroma_stem: {sample_rate: "${sample_rate}", n_chroma: 12, radix2_exp: 14, argmax: true,
      cache_path: /somewhere/of/its/authors, match_len_on_eval: false, eval_wavs: null, n_eval_wavs: 100}
  description: {model: t5, t5: {name: t5-base, finetune: false, word_dropout: 0.2, normalize_text: false}}
"""


def put_musicgen(home: Path, layers: int = 1) -> None:
    """`facebook/musicgen-melody`: 1536 wide, 24 heads, with its EnCodec; T5 must be in the cache of this process."""
    from omegaconf import OmegaConf

    from orchestrator_solver.models.builders import build_lm

    torch.manual_seed(0)
    text = LM_YAML.replace("LAYERS", str(layers))
    cfg = OmegaConf.create(text)
    cfg.device = "cpu"
    del cfg.conditioners.self_wav.chroma_stem.cache_path
    state = {name: value.half() for name, value in build_lm(cfg).state_dict().items()}
    put_package(home, "state_dict.bin", text, state)

    put_codec(home, layers=1)


def put_encodec(home: Path) -> None:
    """`facebook/encodec_32khz` as transformers keeps it: 64 filters, 4 codebooks of 2048."""
    from transformers import EncodecConfig, EncodecModel

    config = EncodecConfig(sampling_rate=32_000, audio_channels=1, normalize=False, target_bandwidths=[2.2],
                           num_filters=64, upsampling_ratios=[8, 5, 4, 4], codebook_size=2048, codebook_dim=128,
                           hidden_size=128, num_lstm_layers=1, use_causal_conv=False, use_conv_shortcut=False,
                           norm_type="weight_norm", pad_mode="reflect", chunk_length_s=None)  # fmt: skip
    torch.manual_seed(0)
    folder = home / "encodec"
    EncodecModel(config).save_pretrained(folder)
    for path in folder.iterdir():
        put(home, "facebook/encodec_32khz", path.name, path.rename)


def small_separator() -> dict:
    """htdemucs with one layer of its transformer, which separates a third as much at once."""
    return separator_package(layers=1, segment=Fraction(13, 5))


def use(home: Path, patch: pytest.MonkeyPatch) -> None:
    """Point this process' hub client and torch's hub at a folder, offline."""
    from huggingface_hub import constants

    patch.setattr(constants, "HF_HUB_CACHE", str(home / "hub"))
    patch.setattr(constants, "HF_HUB_OFFLINE", True)
    patch.setattr(torch.hub, "get_dir", lambda: str(home / "torch"))


def environment(home: Path) -> dict[str, str]:
    """The same for another process."""
    return {"HF_HOME": str(home), "TORCH_HOME": str(home / "no torch"), "HF_HUB_OFFLINE": "1"}


def fill(home: Path) -> Path:
    """A cache with all that the paper's run reads; `home` must be this process' cache. Returns it."""
    put_t5(home, layers=1)
    put_musicgen(home)
    put_htdemucs(home, small_separator())
    return home

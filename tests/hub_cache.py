"""A local copy of the hub's cache: files in the published formats and widths, with few layers and random weights.

Formats: audiocraft's packages (`state_dict.bin`, `compression_state_dict.bin`: a state and its configuration as YAML),
transformers' folders (T5, EnCodec), demucs' safetensors with its class in their metadata, and demucs' older pickle.
"""

import hashlib
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest
import torch
import yaml

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MUSICGEN = "facebook/musicgen-melody"
SEPARATOR = {"sources": ["drums", "bass", "other", "vocals"], "audio_channels": 2, "samplerate": 44100,
             "segment": Fraction(13, 5), "channels": 48, "growth": 2, "depth": 4, "bottom_channels": 512,
             "t_layers": 1, "t_heads": 8, "dconv_mode": 3}  # fmt: skip
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
CODEC_YAML = """
solver: compression
sample_rate: 32000
channels: 1
device: cuda
compression_model: encodec
encodec: {autoencoder: seanet, quantizer: rvq, sample_rate: "${sample_rate}", channels: "${channels}", causal: false,
  renormalize: false}
seanet: {dimension: 128, channels: "${channels}", causal: "${encodec.causal}", n_filters: 64, n_residual_layers: 1,
  ratios: [8, 5, 4, 4], activation: ELU, activation_params: {alpha: 1.0}, norm: weight_norm, norm_params: {},
  kernel_size: 7, residual_kernel_size: 3, last_kernel_size: 7, dilation_base: 2, pad_mode: constant, true_skip: true,
  compress: 2, lstm: LAYERS, disable_norm_outer_blocks: 0, encoder: {},
  decoder: {trim_right_ratio: 1.0, final_activation: null, final_activation_params: null}}
rvq: {n_q: 4, q_dropout: false, bins: 2048, decay: 0.99, kmeans_init: true, kmeans_iters: 50,
  threshold_ema_dead_code: 2, orthogonal_reg_weight: 0.0, orthogonal_reg_active_codes_only: false}
"""
TEXT = ["a calm piece for violin, cello and drums in G major", "fast music, 120 beats per minute",
        "Instruments: acoustic piano, flute, trumpet, electric bass, string ensemble."]  # fmt: skip


def put(home: Path, repo: str, name: str, write: Callable[[Path], object]) -> Path:
    """Add a file to the cache in `home`, as the hub's client lays it out; returns its place in the snapshot."""
    folder = home / "hub" / f"models--{repo.replace('/', '--')}"
    for part in ("blobs", "refs", f"snapshots/{COMMIT}"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    (folder / "refs" / "main").write_text(COMMIT)
    new = folder / "blobs" / "new"
    write(new)
    with new.open("rb") as file:
        blob = new.rename(folder / "blobs" / hashlib.file_digest(file, "sha256").hexdigest())
    link = folder / "snapshots" / COMMIT / name
    link.unlink(missing_ok=True)
    link.symlink_to(Path("../..") / "blobs" / blob.name)
    return link


def put_t5(home: Path, layers: int = 1) -> None:
    """`t5-base`: T5's encoder and decoder embeddings 768 wide, 12 heads, and a tokenizer of the words used in tests."""
    from transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer

    torch.manual_seed(0)
    config = T5Config(vocab_size=32128, d_model=768, d_kv=64, d_ff=3072, num_heads=12, num_layers=layers,
                      num_decoder_layers=1, decoder_start_token_id=0)  # fmt: skip
    folder = home / "t5"
    T5ForConditionalGeneration(config).save_pretrained(folder)
    letters = sorted(set("".join(TEXT)) - {" "})
    words = sorted({f"▁{word}" for line in TEXT for word in line.split()})
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocabulary = special + [(word, -5.0) for word in words] + [(letter, -9.0) for letter in ["▁", *letters]]
    T5Tokenizer(vocab=vocabulary).save_pretrained(folder)
    for path in folder.iterdir():
        put(home, "t5-base", path.name, path.rename)


def put_musicgen(home: Path, layers: int = 1) -> None:
    """`facebook/musicgen-melody`: 1536 wide, 24 heads, with its EnCodec; T5 must be in the cache of this process."""
    from audiocraft.models import builders
    from omegaconf import OmegaConf

    from orchestrator_solver.lm import build_lm

    torch.manual_seed(0)
    text = LM_YAML.replace("LAYERS", str(layers))
    cfg = OmegaConf.create(text)
    cfg.device = "cpu"
    del cfg.conditioners.self_wav.chroma_stem.cache_path
    state = {name: value.half() for name, value in build_lm(cfg).state_dict().items()}
    _put_package(home, "state_dict.bin", text, state)

    text = CODEC_YAML.replace("LAYERS", "1")
    cfg = OmegaConf.create(text)
    cfg.device = "cpu"
    codec = builders.get_compression_model(cfg)
    for layer in codec.quantizer.vq.layers:  # as after training: k-means has set the codebooks
        layer._codebook.embed.normal_()
        layer._codebook.embed_avg.copy_(layer._codebook.embed)
        layer._codebook.inited.fill_(True)
    _put_package(home, "compression_state_dict.bin", text, codec.state_dict())


def _put_package(home: Path, name: str, text: str, state: dict[str, torch.Tensor]) -> None:
    package = {"best_state": state, "xp.cfg": text, "version": "1.3.0", "exported": True}
    put(home, MUSICGEN, name, lambda path: torch.save(package, path))


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


def separator_package() -> dict:
    """htdemucs as demucs pickles it: its class, its arguments and its weights in 16 bits."""
    from demucs.htdemucs import HTDemucs

    torch.manual_seed(0)
    state = {name: value.half() for name, value in HTDemucs(**SEPARATOR).state_dict().items()}
    return {"klass": HTDemucs, "args": (), "kwargs": SEPARATOR, "state": state, "training_args": {"epochs": 360}}


def put_htdemucs(home: Path, package: dict) -> None:
    """`adefossez/HTDemucs`: a bag of one network as safetensors."""
    from safetensors.torch import save_file

    fraction = {"_type": "fraction", "numerator": SEPARATOR["segment"].numerator,
                "denominator": SEPARATOR["segment"].denominator}  # fmt: skip
    kwargs = json.dumps({**package["kwargs"], "segment": fraction})
    metadata = {"klass": "demucs.htdemucs.HTDemucs", "args": "[]", "kwargs": kwargs}
    repo = "adefossez/HTDemucs"
    put(home, repo, "955717e8.safetensors", lambda path: save_file(package["state"], path, metadata))
    put(home, repo, "htdemucs.yaml", lambda path: path.write_text(yaml.safe_dump({"models": ["955717e8"]})))


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
    put_t5(home)
    put_musicgen(home)
    put_htdemucs(home, separator_package())
    return home

"""A folder laid out as the hub's cache: frozen models in their published formats and shapes, with random weights.

For measurements and tests without downloads. Formats: audiocraft's packages (a state and its configuration as YAML),
transformers' folders (T5), demucs' safetensors with its class in their metadata.
"""

import hashlib
import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import torch
import yaml

COMMIT = "0123456789abcdef0123456789abcdef01234567"
MUSICGEN = "facebook/musicgen-melody"
SEPARATOR = {"sources": ["drums", "bass", "other", "vocals"], "audio_channels": 2, "samplerate": 44100,
             "channels": 48, "growth": 2, "depth": 4, "bottom_channels": 512,
             "t_heads": 8, "dconv_mode": 3}  # fmt: skip
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


def put_t5(home: Path, layers: int = 12) -> None:
    """`t5-base`: T5's encoder and decoder embeddings 768 wide, 12 heads, and a tokenizer of the words used in tests."""
    from transformers import T5Config, T5ForConditionalGeneration, T5Tokenizer

    torch.manual_seed(0)
    config = T5Config(vocab_size=32128, d_model=768, d_kv=64, d_ff=3072, num_heads=12, num_layers=layers,
                      num_decoder_layers=1, decoder_start_token_id=0)  # type: ignore[call-arg]  # fmt: skip
    folder = home / "t5"
    T5ForConditionalGeneration(config).save_pretrained(folder)
    letters = sorted(set("".join(TEXT)) - {" "})
    words = sorted({f"▁{word}" for line in TEXT for word in line.split()})
    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    vocabulary = special + [(word, -5.0) for word in words] + [(letter, -9.0) for letter in ["▁", *letters]]
    T5Tokenizer(vocab=vocabulary).save_pretrained(folder)
    for path in folder.iterdir():
        put(home, "t5-base", path.name, path.rename)


def put_codec(home: Path, layers: int = 2) -> None:
    """MusicGen's EnCodec at 32 kHz: 64 filters, 4 codebooks of 2048, an LSTM of 2 layers where it is published."""
    from audiocraft.models import builders
    from omegaconf import OmegaConf

    text = CODEC_YAML.replace("LAYERS", str(layers))
    cfg = OmegaConf.create(text)
    cfg.device = "cpu"
    codec = builders.get_compression_model(cfg)
    for layer in codec.quantizer.vq.layers:  # as after training: k-means has set the codebooks
        layer._codebook.embed.normal_()
        layer._codebook.embed_avg.copy_(layer._codebook.embed)
        layer._codebook.inited.fill_(True)
    put_package(home, "compression_state_dict.bin", text, codec.state_dict())


def put_package(home: Path, name: str, text: str, state: dict[str, torch.Tensor]) -> None:
    """A file of audiocraft's: a state, and its configuration."""
    package = {"best_state": state, "xp.cfg": text, "version": "1.3.0", "exported": True}
    put(home, MUSICGEN, name, lambda path: torch.save(package, path))


def separator_package(layers: int = 5, segment: Fraction = Fraction(39, 5)) -> dict:
    """htdemucs as demucs pickles it: its class, its arguments and its weights in 16 bits.

    Args:
        layers: of its transformer; 5 are published.
        segment: seconds that it separates at once; 7.8 are published.
    """
    from demucs.htdemucs import HTDemucs

    torch.manual_seed(0)
    shape = {**SEPARATOR, "t_layers": layers, "segment": segment}
    state = {name: value.half() for name, value in HTDemucs(**shape).state_dict().items()}
    return {"klass": HTDemucs, "args": (), "kwargs": shape, "state": state, "training_args": {"epochs": 360}}


def put_htdemucs(home: Path, package: dict) -> None:
    """`adefossez/HTDemucs`: a bag of one network as safetensors."""
    from safetensors.torch import save_file

    segment = package["kwargs"]["segment"]
    fraction = {"_type": "fraction", "numerator": segment.numerator, "denominator": segment.denominator}
    kwargs = json.dumps({**package["kwargs"], "segment": fraction})
    metadata = {"klass": "demucs.htdemucs.HTDemucs", "args": "[]", "kwargs": kwargs}
    repo = "adefossez/HTDemucs"
    put(home, repo, "955717e8.safetensors", lambda path: save_file(package["state"], path, metadata))
    put(home, repo, "htdemucs.yaml", lambda path: path.write_text(yaml.safe_dump({"models": ["955717e8"]})))

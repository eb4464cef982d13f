"""Tiny models with random weights, and data sets of the tiny source, for tests of the recipe."""

from pathlib import Path

import torch
from audiocraft.models import builders as audiocraft_builders
from omegaconf import DictConfig, OmegaConf

from dataset_builder.pipeline.build import build
from dataset_builder.pipeline.settings import BuildSettings
from orchestrator_solver.models.builders import build_lm
from orchestrator_solver.nano import spectral_codec
from orchestrator_solver.weights import package

SECONDS = 1.6  # of an excerpt: 40 codec frames, 25 chroma frames


def build_tiny_data(source: Path, out: Path) -> Path:
    """The tiny source's items, without captions."""
    build(BuildSettings(source="slakh", root=source, out=out, captions="none", workers=1))
    return out


def codec_config() -> DictConfig:
    """A codec of 16 kHz, 25 frames a second, 2 codebooks of 16."""
    return OmegaConf.create({
        "compression_model": "encodec", "device": "cpu", "sample_rate": 16_000, "channels": 1,
        "encodec": {"autoencoder": "spectral", "quantizer": "rvq", "sample_rate": 16_000, "channels": 1,
                    "causal": False, "renormalize": False},
        "spectral": {"dimension": 8, "hop_length": 640, "encoder_width": 16, "encoder_blocks": 1, "decoder_width": 16,
                     "decoder_blocks": 1, "sample_rate": 16_000, "per_semitone": 1, "tone_steps": 2, "bands": 8},
        "rvq": {"n_q": 2, "q_dropout": False, "bins": 16, "kmeans_init": False},
    })  # fmt: skip


def lm_config(codec: Path) -> DictConfig:
    """A language model of two layers on that codec, with the nano models' conditions."""
    return OmegaConf.create({
        "lm_model": "transformer_lm", "device": "cpu", "dtype": "float32", "sample_rate": 16_000,
        "codec_frame_rate": 25, "compression_model_checkpoint": str(codec), "dataset": {"segment_duration": SECONDS},
        "transformer_lm": {"n_q": 2, "card": 16, "dim": 16, "num_heads": 2, "num_layers": 2, "hidden_scale": 2,
                           "causal": True, "norm_first": True, "bias_ff": False, "bias_attn": False},
        "codebooks_pattern": {"modeling": "delay", "delay": {"delays": [0, 1]}},
        "classifier_free_guidance": {"training_dropout": 0.2, "inference_coef": 3.0}, "attribute_dropout": {},
        "fuser": {"sum": ["description"], "cross": [], "prepend": [], "input_interpolate": ["self_wav"],
                  "cross_attention_pos_emb": False, "cross_attention_pos_emb_scale": 1.0},
        "conditioners": {"description": {"model": "words", "words": {"dim": 8, "n_bins": 32}},
                         "self_wav": {"model": "chroma",
                                      "chroma": {"sample_rate": 16_000, "radix2_exp": 12, "context": 1}}},
    })  # fmt: skip


def save_models(folder: Path) -> Path:
    """Packages `codec` and `lm` in a folder; returns that of the language model."""
    spectral_codec.register()
    torch.manual_seed(0)
    codec = audiocraft_builders.get_compression_model(codec_config())
    package.save(folder / "codec", "codec", codec_config(), codec.state_dict(), {})
    cfg = lm_config(folder / "codec")
    package.save(folder / "lm", "lm", cfg, build_lm(cfg).state_dict(), {"instruments": ["violin", "drums"]})
    return folder / "lm"


class StillCodec(torch.nn.Module):
    """In the place of a codec where codes do not matter: 50 frames a second of zeros, 4 codebooks, from 32 kHz."""

    sample_rate, frame_rate, channels = 32_000, 50, 1

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(1))

    def encode(self, wav: torch.Tensor) -> tuple[torch.Tensor, None]:
        """Codes `[B, 4, S]` of `wav` `[B, 1, T]`."""
        return torch.zeros(len(wav), 4, -(-wav.shape[-1] // 640), dtype=torch.long), None

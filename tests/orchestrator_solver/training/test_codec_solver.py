"""A codec whose codes are another's: only its decoder is trained, and it may be of another size."""

import pytest
import torch
from omegaconf import DictConfig, OmegaConf

from dataset_builder.errors import UserError
from orchestrator_solver.models.loading import build_codec_from_package
from orchestrator_solver.training.codec_solver import keep_codes
from orchestrator_solver.weights import package


def codec_of(**sizes: int) -> torch.nn.Module:
    """The shipped codec's shape with other sizes, and random weights."""
    from audiocraft.models.builders import get_compression_model

    cfg: DictConfig = OmegaConf.merge(package.load("nano-codec", "codec").cfg, {"device": "cpu", "spectral": sizes})
    return get_compression_model(cfg)


def test_codes_are_the_others_and_only_the_decoder_learns() -> None:
    shipped = package.load("nano-codec", "codec")
    theirs, ours = build_codec_from_package(shipped), codec_of(decoder_width=64, decoder_blocks=1)
    keep_codes(ours, shipped.state)
    wav = torch.randn(1, 1, 16_000, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        assert torch.equal(ours.eval().encode(wav)[0], theirs.encode(wav)[0])
    learns = {name.partition(".")[0]: one.requires_grad for name, one in ours.named_parameters()}
    assert learns["decoder"] and not learns["encoder"]


def test_codes_of_another_size_are_refused() -> None:
    with pytest.raises(UserError, match="codes_of: found an encoder or codebooks of other sizes"):
        keep_codes(codec_of(encoder_width=64), package.load("nano-codec", "codec").state)

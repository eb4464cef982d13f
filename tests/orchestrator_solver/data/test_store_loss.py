"""The shipped baseline has nearly the same loss from the store as from audio."""

from pathlib import Path

import pytest
import torch
from audiocraft.modules.conditioners import ConditioningAttributes

from dataset_builder.dataset import manifest
from orchestrator_solver.data.dataset import ExcerptDataset
from orchestrator_solver.data.excerpt_sampling import ExcerptSampling
from orchestrator_solver.features.store_reader import StoreReader
from orchestrator_solver.models import loading
from orchestrator_solver.precompute.encoders import FrozenEncoders
from orchestrator_solver.precompute.fill_store import fill
from orchestrator_solver.training.gradients import PreparedBatch, accumulate
from orchestrator_solver.weights import package

SECONDS, COUNT = 3.2, 24


def test_losses_agree(tiny_data: Path, tmp_path: Path) -> None:
    """Items are encoded as a whole, an excerpt has nothing before it: a few codes at its beginning differ."""
    model = loading.build_lm_from_package(package.load("nano-baseline", "lm"))
    codec = loading.load_codec_package("nano-codec")
    encoders = FrozenEncoders(codec, model.condition_provider.conditioners["self_wav"])
    fill(tiny_data, encoders, ("train",), workers=0)
    heard, stored = (
        _loss(model, codec, ExcerptDataset(
            tiny_data, manifest.load(tiny_data, "train"), ExcerptSampling({"self": 1.0}), segment_duration=SECONDS,
            num_samples=COUNT, sample_rate=codec.sample_rate, store=store,
        ))
        for store in (None, StoreReader(tiny_data, encoders.identity(SECONDS)))
    )  # fmt: skip
    assert stored != heard and stored == pytest.approx(heard, abs=0.02)


def _loss(model: torch.nn.Module, codec: torch.nn.Module, dataset: ExcerptDataset) -> float:
    samples = [dataset[index] for index in range(COUNT)]
    conditions: list[ConditioningAttributes] = [info.to_condition_attributes() for _, info in samples]
    provider = model.condition_provider
    with torch.no_grad():
        if dataset.store is None:
            codes = codec.encode(torch.stack([wav for wav, _ in samples]))[0]
        else:
            codes = torch.stack([info.audio_tokens for _, info in samples])
    batch = PreparedBatch(
        provider(provider.tokenize(conditions)), codes, torch.ones_like(codes, dtype=torch.bool), codes
    )
    return accumulate(model, batch, COUNT, torch.autocast("cpu", enabled=False)).mean.item()

"""The shipped baseline has nearly the same loss from the store as from audio."""

from pathlib import Path

import pytest
import torch
from audiocraft.modules.conditioners import ConditioningAttributes

from orchestrator_solver.data.dataset import Drawing, ExcerptDataset
from orchestrator_solver.models import loading
from orchestrator_solver.precompute.encoders import attach_store, frontend_in
from orchestrator_solver.precompute.fill_store import fill
from orchestrator_solver.training.gradients import PreparedBatch, accumulate
from orchestrator_solver.weights import package

SECONDS, COUNT = 3.2, 24


def test_losses_agree(tiny_data: Path, tmp_path: Path) -> None:
    """Items are encoded as a whole, an excerpt has nothing before it: a few codes at its beginning differ."""
    model = loading.build_lm_from_package(package.load("nano-baseline", "lm"))
    codec = loading.load_codec_package("nano-codec")
    drawing = Drawing({"self": 1.0}, grid=0.32)
    dataset = ExcerptDataset(
        tiny_data, "train", drawing, segment_duration=SECONDS, num_samples=COUNT, sample_rate=codec.sample_rate
    )
    heard = _loss(model, codec, dataset)
    fill(tiny_data, frontend := frontend_in(model, codec), ("train",), workers=0)
    dataset.store = attach_store(frontend, tiny_data, list(dataset.known.values()))
    stored = _loss(model, codec, dataset)
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
    batch = PreparedBatch(provider(provider.tokenize(conditions)), codes, torch.ones_like(codes, dtype=torch.bool))
    return accumulate(model, batch, COUNT, torch.autocast("cpu", enabled=False)).mean.item()

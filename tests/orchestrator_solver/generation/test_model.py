"""Playing a reference with a tiny model: lengths, seeds, and what the output depends on."""

from pathlib import Path

import numpy as np
import pytest
import torch

from orchestrator_solver.generation.model import OrchestratorModel, load_model

RATE = 22_050


@pytest.fixture(scope="module")
def model(tiny_models: Path) -> OrchestratorModel:
    return load_model(str(tiny_models))


def _tone(seconds: float, hertz: float = 440.0) -> np.ndarray:
    return (0.2 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)


@pytest.mark.parametrize("seconds", [0.5, 1.6, 3.3])
def test_output_is_as_long_as_the_reference(model: OrchestratorModel, seconds: float) -> None:
    """Also when that is longer than what is generated at once."""
    shares: list[float] = []
    wav = model.generate(["violin"], [_tone(seconds)], RATE, progress=shares.append)
    assert wav.shape == (1, 1, round(seconds * 16_000)) and wav.isfinite().all()
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0)


def test_excerpts_begin_on_frames_of_codec_and_chroma(
    model: OrchestratorModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nano models' 40 and 64 ms; MusicGen's 20 and 128 ms, as `orchestrator.grid` has them."""
    assert model.grid == 0.32
    conditioner = model.lm.condition_provider.conditioners["self_wav"]
    monkeypatch.setattr(type(model.codec), "frame_rate", 50.0)
    monkeypatch.setattr(type(conditioner), "frame_rate", 32_000 / 4096)
    assert model.grid == 0.64


def test_duration_can_be_asked_for(model: OrchestratorModel) -> None:
    assert model.generate(["violin"], [_tone(1.0)], RATE, duration=2.0).shape[-1] == 32_000


def test_the_seed_decides(model: OrchestratorModel) -> None:
    torch.manual_seed(5)
    before = torch.rand(1)
    torch.manual_seed(5)
    one, again, other = (model.generate(["violin"], [_tone(1.0)], RATE, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(torch.rand(1), before), "generation must not move the global generator"


@pytest.mark.parametrize("change", ["prompt", "reference"])
def test_conditions_matter(model: OrchestratorModel, change: str) -> None:
    prompt, hertz = ("drums", 440.0) if change == "prompt" else ("violin", 523.25)
    one = model.generate(["violin"], [_tone(1.6)], RATE, seed=1, guidance=9.0)
    other = model.generate([prompt], [_tone(1.6, hertz)], RATE, seed=1, guidance=9.0)
    assert not torch.equal(one, other)

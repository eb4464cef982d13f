"""The melodic stems of a mix: audiocraft's own, without chance, and not nothing."""

from functools import partial

import pytest
import torch
from demucs import apply, pretrained

from orchestrator_solver.features import separation
from orchestrator_solver.features.separation import Separator

RATE = 32_000


class Network(torch.nn.Module):
    """Stands for a bag of demucs' networks."""

    sources, samplerate, audio_channels = ("drums", "bass", "other", "vocals"), RATE, 2


def _separator(monkeypatch: pytest.MonkeyPatch, share: float) -> Separator:
    """One that finds `share` of its input in the other stem, and the rest in the bass."""

    def stems(network: Network, mix: torch.Tensor, shifts: int, device: str) -> torch.Tensor:
        assert shifts == 0
        return torch.stack([0 * mix, (1 - share) * mix, share * mix, 0 * mix], dim=1)

    monkeypatch.setattr(apply, "apply_model", stems)
    monkeypatch.setattr(pretrained, "get_model", lambda name: Network())
    return Separator()


def test_melodic_stems_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    wav = torch.randn(2, 1, 3200)
    assert torch.allclose(_separator(monkeypatch, 0.5).melodic(wav, RATE), wav / 2)


def test_a_bass_is_not_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is found 20 dB below the reference is no melody of it: its own chroma is better than none."""
    wav = torch.randn(1, 1, 3200)
    assert torch.equal(_separator(monkeypatch, 0.05).melodic(wav, RATE), wav)


@pytest.mark.parametrize("length", [3199, 3200, 3201, 140_039])
def test_no_sample_is_lost_on_the_way_to_another_rate(monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    monkeypatch.setattr(Network, "samplerate", 44_100)
    wav = torch.randn(1, 1, length)
    assert _separator(monkeypatch, 0.9).melodic(wav, RATE).shape == wav.shape


@pytest.mark.slow
def test_equals_audiocrafts_but_for_its_random_shift(hub_home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    from audiocraft.modules.conditioners import ChromaStemConditioner

    stock = ChromaStemConditioner(8, RATE, 12, 14, duration=1.0)
    separator = Separator()
    monkeypatch.setattr(separation, "LOST_DB", 200.0)  # untrained, it finds next to nothing
    wav = torch.randn(1, 1, RATE, generator=torch.Generator().manual_seed(0))
    ours = separator.melodic(wav, RATE)
    assert torch.equal(ours, separator.melodic(wav, RATE))
    monkeypatch.setattr(apply, "apply_model", partial(apply.apply_model, shifts=0))
    assert torch.allclose(ours, stock._get_stemmed_wav(wav, RATE)[..., :RATE], atol=1e-6)

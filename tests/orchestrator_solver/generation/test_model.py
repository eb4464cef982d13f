"""Playing references with a tiny model: lengths, seeds, and what the output depends on."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dataset_builder.music.instrument_words import asked_for
from orchestrator_solver.generation.model import OrchestratorModel, load_model
from orchestrator_solver.generation.orchestrate import orchestrate, warnings_of
from orchestrator_solver.generation.recordings import Recording
from orchestrator_solver.generation.reference_audio import ReferenceAudio
from orchestrator_solver.generation.request import Description, Request
from orchestrator_solver.generation.sampling import SamplingSettings
from orchestrator_solver.metrics.registry import build_metrics

RATE = 22_050
PLAIN = SamplingSettings()


@pytest.fixture(scope="module")
def model(tiny_models: Path) -> OrchestratorModel:
    return load_model(str(tiny_models))


def request_of(seconds: float, hertz: float = 440.0, instrument: str = "violin") -> Request:
    """A tone, for one instrument."""
    wav = (0.2 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * RATE)) / RATE)).astype(np.float32)
    return Request(ReferenceAudio(wav, RATE), (instrument,))


def played(model: OrchestratorModel, request: Request, sampling: SamplingSettings = PLAIN) -> np.ndarray:
    (recording,) = orchestrate(model, [request], sampling)
    return recording.wav


@pytest.mark.parametrize(
    ("facts", "words"),
    [({"run": "1"}, ("violin", "pipe", "hurdy-gurdy")), ({"published": "x"}, ("flute", "hurdy-gurdy", "fiddle")),
     ({"run": "1", "instrument_words": "midi"}, ("flute", "hurdy-gurdy", "fiddle"))],
)  # fmt: skip
def test_a_model_is_told_instruments_as_it_learned_them(
    model: OrchestratorModel, facts: dict, words: tuple[str, ...]
) -> None:
    """And the user is told of words that it never learned."""
    trained = replace(model, facts={**facts, "instruments": ["violin", "pipe"]})
    asked = asked_for("flute, hurdy-gurdy, fiddle")
    assert trained.words_for(asked) == words
    request = replace(request_of(1.0), instruments=("violin", "pipe"), words=words)
    assert request.prompt == ", ".join(words)
    never, taken = warnings_of(trained, request, 1.0)
    assert "never trained on hurdy-gurdy: do not" in never and taken.startswith("'hurdy-gurdy' goes into the prompt")
    known = replace(trained, facts={**trained.facts, "own_words": ["hurdy-gurdy"]})
    assert warnings_of(known, request, 1.0) == []


@pytest.mark.parametrize("seconds", [0.5, 1.6, 3.3])
def test_output_is_as_long_as_the_reference(model: OrchestratorModel, seconds: float) -> None:
    """Also when that is longer than what is generated at once."""
    shares: list[float] = []
    (recording,) = orchestrate(model, [request_of(seconds)], PLAIN, progress=shares.append)
    assert recording.wav.shape == (round(seconds * 16_000),) and np.isfinite(recording.wav).all()
    assert recording.sample_rate == 16_000
    assert shares == sorted(shares) and shares[-1] == pytest.approx(1.0)


def test_excerpts_begin_on_frames_of_codec_and_chroma(
    model: OrchestratorModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The nano models' 40 and 64 ms; MusicGen's 20 and 128 ms."""
    assert model.grid == 0.32
    conditioner = model.lm.condition_provider.conditioners["self_wav"]
    monkeypatch.setattr(type(model.codec), "frame_rate", 50.0)
    monkeypatch.setattr(type(conditioner), "frame_rate", 32_000 / 4096)
    assert model.grid == 0.64


def test_a_length_can_be_asked_for(model: OrchestratorModel) -> None:
    (recording,) = orchestrate(model, [request_of(1.0)], PLAIN, seconds=2.0)
    assert recording.wav.shape == (32_000,)
    assert any("the reference ends after 1.0 s" in line for line in recording.record["warnings"])


def test_the_seed_decides(model: OrchestratorModel) -> None:
    torch.manual_seed(5)
    before = torch.rand(1)
    torch.manual_seed(5)
    one, again, other = (played(model, request_of(1.0), SamplingSettings(seed=seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, again) and not np.array_equal(one, other)
    assert torch.equal(torch.rand(1), before), "generation must not move the global generator"


@pytest.mark.parametrize("change", ["prompt", "reference"])
def test_conditions_matter(model: OrchestratorModel, change: str) -> None:
    other = request_of(1.6, instrument="drums") if change == "prompt" else request_of(1.6, hertz=523.25)
    sampling = SamplingSettings(seed=1, guidance=9.0)
    assert not np.array_equal(played(model, request_of(1.6), sampling), played(model, other, sampling))


def test_a_batch_is_played_in_order_with_a_record_of_each(model: OrchestratorModel) -> None:
    calm = Request(request_of(1.0).reference, ("drums",), Description("Calm.", "user"))
    recordings = orchestrate(model, [request_of(1.0), calm], PLAIN, metrics=build_metrics(("sim",)))
    assert [recording.record["prompt"] for recording in recordings] == ["violin", "Calm. Instruments: drums."]
    assert not np.array_equal(recordings[0].wav, recordings[1].wav)
    for recording in recordings:
        assert 0 <= recording.record["scores"]["SIM"] <= 1
        assert recording.record["settings"] == {
            "seconds": 1.0, "guidance": 3.0, "follow_melody": 3.0, "follow_words": 3.0, "temperature": 1.0,
            "top_k": 250,
        }  # fmt: skip
        assert recording.record["model"]["sha256"] == model.sha256


def test_what_is_loud_is_scaled_down_where_it_is_heard() -> None:
    wav = np.array([0.5, -2.0], np.float32)
    assert Recording(wav, RATE, {}).playable.tolist() == [0.25, -1.0]
    assert Recording(wav / 4, RATE, {}).playable.tolist() == [0.125, -0.5]

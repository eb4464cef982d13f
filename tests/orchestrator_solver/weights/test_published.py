"""Published models in their true formats, widths and places: loaded, conditioned and played by the real code."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support import hub_cache

from dataset_builder.errors import UserError
from orchestrator_solver.generation.model import OrchestratorModel, load_model
from orchestrator_solver.generation.reference_audio import ReferenceAudio
from orchestrator_solver.generation.sampling import SamplingSettings
from orchestrator_solver.models import loading
from orchestrator_solver.weights import hub, published

MELODY = "//pretrained/facebook/musicgen-melody"
RATE = 32_000


@pytest.fixture(scope="module")
def melody(filled_hub: Path) -> OrchestratorModel:
    """MusicGen Melody of the local cache."""
    with pytest.MonkeyPatch.context() as patch:
        hub_cache.use(filled_hub, patch)
        model = load_model(MELODY)
        assert model.lm.condition_provider.conditioners["self_wav"].separator.network is not None
        return model


def stem(seconds: float) -> ReferenceAudio:
    """A tone, as a single instrument's reference."""
    wav = 0.2 * np.sin(2 * np.pi * 440.0 * np.arange(round(seconds * RATE)) / RATE)
    return ReferenceAudio(wav.astype(np.float32), RATE, one_stem=True)


def test_weights_are_those_of_the_file(melody: OrchestratorModel, hub_home: Path) -> None:
    kept = published.published(MELODY).state
    assert kept.keys() == melody.lm.state_dict().keys()
    assert all(torch.equal(kept[name].float(), value) for name, value in melody.lm.state_dict().items())


def test_musicgen_melody_loads_as_it_is_published(melody: OrchestratorModel) -> None:
    assert (melody.sample_rate, melody.codec.frame_rate, melody.codec.num_codebooks) == (32_000, 50, 4)
    assert melody.max_seconds == 30 and melody.lm.dim == 1536
    assert melody.facts["published"] == "facebook/musicgen-melody"


def test_the_prefix_may_be_left_out(melody: OrchestratorModel, hub_home: Path) -> None:
    assert published.language_model_package("facebook/musicgen-melody").sha256 == melody.sha256
    assert melody.guidance == 3.0 and melody.reads_any_words


def test_musicgen_melody_plays(melody: OrchestratorModel) -> None:
    wav = melody.generate(["violin", None], [stem(0.5), stem(0.5)], 0.2, SamplingSettings())
    assert wav.shape == (2, 1, round(0.2 * RATE)) and wav.isfinite().all()


@pytest.mark.slow
def test_a_folder_of_audiocrafts_format(melody: OrchestratorModel, hub_home: Path) -> None:
    (folder,) = (hub_home / "hub" / "models--facebook--musicgen-melody" / "snapshots").iterdir()
    model = load_model(f"//pretrained/{folder}")
    assert model.sha256 == melody.sha256 and model.codec.num_codebooks == 4


def test_what_is_missing_is_said_with_where_and_how(empty_hub: Path) -> None:
    with pytest.raises(UserError) as caught:
        load_model(MELODY)
    words = str(caught.value)
    assert "state_dict.bin" in words and str(empty_hub) in words
    assert "hf download facebook/musicgen-melody" in words


def test_a_published_configuration_reads_nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "sk-secret")
    text = hub_cache.LM_YAML.replace("name: t5-base", 'name: "${oc.env:SECRET}"').replace("LAYERS", "1")
    contents = {"best_state": {}, "xp.cfg": text}
    monkeypatch.setattr(published.audiocraft_loaders, "load_lm_model_ckpt", lambda name: contents)
    cfg = published.published("somebody/model").cfg
    assert cfg.conditioners.description.t5.name is None and cfg.conditioners.self_wav.chroma_stem.sample_rate == RATE
    assert "cache_path" not in cfg.conditioners.self_wav.chroma_stem
    contents["xp.cfg"] = text.replace("model: t5", "model: lut")
    with pytest.raises(UserError, match=r"refused: .*'lut'"):
        published.published("somebody/model")


@pytest.mark.slow
def test_transformers_encodec(hub_home: Path) -> None:
    hub_cache.put_encodec(hub_home)
    codec = loading.load_codec("//pretrained/facebook/encodec_32khz")
    codes, scale = codec.encode(torch.zeros(1, 1, 6400))
    assert scale is None and codes.shape == (1, 4, 10)
    assert not hub.missing("facebook/encodec_32khz")


@pytest.mark.parametrize(
    "change",
    [("model: t5,", "model: [,"), ("n_q: 4", "n_q: " + "[" * 500 + "]" * 500), ("n_q: 4", "n_q: &a [*a]"),
     ("solver: musicgen", "solver: !!timestamp x"), ("solver: musicgen", "solver: 1\nsolver: 2"),
     ("channels: 1", "\t: 1")],
    ids=lambda change: change[1][:20],
)  # fmt: skip
def test_a_published_configuration_that_is_none_is_one_line(
    monkeypatch: pytest.MonkeyPatch, change: tuple[str, str]
) -> None:
    text = hub_cache.LM_YAML.replace("LAYERS", "1").replace(*change)
    contents = {"best_state": {}, "xp.cfg": text}
    monkeypatch.setattr(published.audiocraft_loaders, "load_lm_model_ckpt", lambda name: contents)
    with pytest.raises(UserError, match="the configuration of somebody/model is refused") as caught:
        published.published("somebody/model")
    assert "\n" not in str(caught.value)
    contents["best_state"] = {"a": 1}
    with pytest.raises(UserError, match="expected tensors by name"):
        published.published("somebody/model")


@pytest.mark.parametrize("change", [("card: 2048", "card: 2000000000"), ("radix2_exp: 14", "radix2_exp: 60")])
def test_no_more_memory_is_taken_than_the_weights_are_worth(
    melody: OrchestratorModel, hub_home: Path, monkeypatch: pytest.MonkeyPatch, change: tuple[str, str]
) -> None:
    whole = published.audiocraft_loaders.load_lm_model_ckpt(MELODY.removeprefix("//pretrained/"))
    contents = {**whole, "xp.cfg": whole["xp.cfg"].replace(*change)}
    monkeypatch.setattr(published.audiocraft_loaders, "load_lm_model_ckpt", lambda name: contents)
    with pytest.raises(UserError, match=r"the configuration and the weights make no lm \((by )?cfg"):
        loading.build_lm_from_package(published.published(MELODY))

"""A model of MusicGen Melody's true widths plays the same in every library that it is exported for.

Logits agree within 1e-4, and greedily the same codes are played: with silent frames in the reference, one that ends
early, prompts of several lengths and none, and guidance.
"""

import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from audiocraft.environment import AudioCraftEnvironment
from audiocraft.models import MusicGen
from safetensors.torch import load_file
from support import hub_cache
from support.lora_run import BASE, put_run
from transformers import AutoProcessor, MusicgenMelodyForConditionalGeneration

from orchestrator_solver.generation.model import OrchestratorModel, load_model
from orchestrator_solver.generation.reference_audio import ReferenceAudio
from orchestrator_solver.models import builders
from orchestrator_solver.models import loading as model_loading
from orchestrator_solver.weights.package import check_fits
from orchestrator_solver.weights.published import language_model_package
from orchestrator_solver.workflows.export import export

pytestmark = pytest.mark.slow
RATE, SECONDS, STEPS, CODES = 32_000, 18.5, 5, 12
PROMPTS = ["violin, cello and drums in G major", "a calm piece"]
EXACT = 1e-4


@pytest.fixture(scope="module")
def home(filled_hub: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder of runs with one of LoRA, beside the local hub."""
    runs = tmp_path_factory.mktemp("runs")
    with pytest.MonkeyPatch.context() as patch:
        hub_cache.use(filled_hub, patch)
        patch.setattr(AudioCraftEnvironment, "get_dora_dir", lambda: runs)
        put_run(runs, SECONDS)
        builders.register()
        model_loading.register()
        yield runs


@pytest.fixture(scope="module")
def solver(home: Path) -> OrchestratorModel:
    """The run as this project plays it."""
    return load_model("ab12cd34")


@pytest.fixture(scope="module")
def exported(home: Path) -> Callable[[str], Path]:
    """The run in a format, in its folder, made when it is first asked for: any test may be a worker's first."""

    @cache
    def in_format(name: str) -> Path:
        export("ab12cd34", home / name, format_name=name)
        return home / name

    return in_format


@pytest.fixture(scope="module")
def whole(exported: Callable[[str], Path]) -> Path:
    """The run in transformers' format."""
    return exported("transformers")


@pytest.fixture(scope="module")
def base(home: Path) -> Path:
    """The model that the run began from, in transformers' format."""
    export(BASE, home / "base", format_name="transformers")
    return home / "base"


def references() -> list[np.ndarray]:
    """A tune with a rest in the middle, and a short one that is quiet at its beginning."""
    time = np.arange(int(RATE * SECONDS)) / RATE
    tune = np.sin(2 * np.pi * np.where(time < 9, 440.0, 293.7) * time) * ((time < 5) | (time > 8))
    short = np.sin(2 * np.pi * 261.6 * time) * np.where(time < 0.5, 1e-4, 0.5)
    return [tune.astype(np.float32), short[: int(RATE * 1.3)].astype(np.float32)]


def conditions_of(model: OrchestratorModel, prompts: list[str | None], given: bool = True) -> list:
    tunes = [ReferenceAudio(wave if given else wave[:0], RATE, one_stem=True) for wave in references()]
    return [model.condition(prompt, tune, 0, SECONDS) for prompt, tune in zip(prompts, tunes, strict=True)]


def sequence() -> torch.Tensor:
    return torch.randint(2048, (2, 4, STEPS), generator=torch.Generator().manual_seed(2))


@torch.no_grad()
def logits_of(lm: torch.nn.Module, conditions: list) -> torch.Tensor:
    tensors = lm.condition_provider(lm.condition_provider.tokenize(conditions))
    return lm(sequence(), [], tensors)


@torch.no_grad()
def greedy(lm: torch.nn.Module, conditions: list, guidance: float) -> torch.Tensor:
    return lm.generate(None, conditions, max_gen_len=CODES, use_sampling=False, cfg_coef=guidance)


@torch.no_grad()
def logits_there(model: torch.nn.Module, inputs: dict) -> torch.Tensor:
    found = model(**inputs, decoder_input_ids=sequence().reshape(-1, STEPS)).logits
    return found.reshape(2, 4, -1, 2048)[:, :, -STEPS:]


def codes_there(model: torch.nn.Module, inputs: dict, guidance: float, patch: pytest.MonkeyPatch) -> torch.Tensor:
    """What transformers' `generate` gives to its codec."""
    seen: list[torch.Tensor] = []
    codec = model.get_base_model().audio_encoder if hasattr(model, "get_base_model") else model.audio_encoder
    decode = codec.decode
    patch.setattr(codec, "decode", lambda audio_codes, *rest, **more: (
        seen.append(audio_codes), decode(audio_codes, *rest, **more))[1])  # fmt: skip
    model.generate(**inputs, do_sample=False, guidance_scale=guidance, max_new_tokens=CODES + 3, max_length=None)
    return torch.cat([codes.reshape(-1, 4, codes.shape[-1]) for codes in seen])


def inputs_of(folder: Path, prompts: list[str]) -> dict:
    processor = AutoProcessor.from_pretrained(folder, trust_remote_code=True)
    return dict(processor(text=prompts, audio=references(), sampling_rate=RATE, padding=True, return_tensors="pt"))


def test_transformers_hears_plays_and_decodes_the_same(
    solver: OrchestratorModel, whole: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MusicgenMelodyForConditionalGeneration.from_pretrained(whole).eval()
    inputs, conditions = inputs_of(whole, PROMPTS), conditions_of(solver, PROMPTS)
    heard = solver.lm.condition_provider(solver.lm.condition_provider.tokenize(conditions))["self_wav"].mask
    assert torch.equal(inputs["input_features"].argmax(-1) > 0, heard.bool()) and 0 < heard.float().mean() < 1
    expected = logits_of(solver.lm, conditions)
    assert expected.std() > 0.1
    assert (logits_there(model, inputs) - expected).abs().max() < EXACT
    for guidance in (1.0, 3.0):
        played = codes_there(model, inputs, guidance, monkeypatch)
        assert torch.equal(played, greedy(solver.lm, conditions, guidance))
        monkeypatch.undo()
    assert model.generation_config.max_length == SECONDS * 50 + 4, "the start, and three steps of delay"
    with torch.no_grad():
        theirs = model.audio_encoder.decode(played[None], [None]).audio_values
        assert (theirs - solver.codec.decode(played, None)).abs().max() < EXACT


def test_a_reference_that_is_not_given_is_nothing_in_transformers(solver: OrchestratorModel, whole: Path) -> None:
    model = MusicgenMelodyForConditionalGeneration.from_pretrained(whole).eval()
    inputs = dict(AutoProcessor.from_pretrained(whole)(text=PROMPTS, padding=True, return_tensors="pt"))
    expected = logits_of(solver.lm, conditions_of(solver, PROMPTS, given=False))
    assert (logits_there(model, inputs) - expected).abs().max() < EXACT


def test_audiocraft_plays_the_same(solver: OrchestratorModel, exported: Callable[[str], Path]) -> None:
    model = MusicGen.get_pretrained(str(exported("audiocraft")), device="cpu")
    conditions = conditions_of(solver, [PROMPTS[0], None])
    assert (logits_of(model.lm, conditions) - logits_of(solver.lm, conditions)).abs().max() < EXACT
    played = greedy(model.lm, conditions, 3.0)
    assert torch.equal(played, greedy(solver.lm, conditions, 3.0))
    with torch.no_grad():
        assert torch.equal(model.compression_model.decode(played), solver.codec.decode(played, None))


def without_silence(base: Path, folder: Path) -> Path:
    """A model with 12 pitch classes, as Hugging Face's own."""
    model = MusicgenMelodyForConditionalGeneration.from_pretrained(base)
    state = model.state_dict()
    state["audio_enc_to_dec_proj.weight"] = state["audio_enc_to_dec_proj.weight"][:, 1:].contiguous()
    model.config.num_chroma, model.config.chroma_length = 12, 235
    model.save_pretrained(folder, state_dict=state)
    return folder


@pytest.mark.parametrize("classes", [13, 12])
def test_peft_adds_the_same(
    solver: OrchestratorModel,
    exported: Callable[[str], Path],
    base: Path,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    classes: int,
) -> None:
    """To a model that was exported from here, and to one as Hugging Face's, loaded as the card says."""
    from peft import PeftModel

    adapter = exported("peft")
    tensors = load_file(adapter / "adapter_model.safetensors")
    assert (adapter / "adapter_model.safetensors").stat().st_size < 6e6
    assert all(".lora_" in name or "enc_to_dec_proj" in name for name in tensors)
    (asked,) = re.findall(r"num_chroma=13, chroma_length=(\d+), ignore", (adapter / "README.md").read_text())
    loaded = MusicgenMelodyForConditionalGeneration.from_pretrained(
        base if classes == 13 else without_silence(base, tmp_path),
        num_chroma=13,
        chroma_length=int(asked),
        ignore_mismatched_sizes=True,
    )
    model = PeftModel.from_pretrained(loaded, adapter).eval()
    inputs, conditions = inputs_of(whole, PROMPTS), conditions_of(solver, PROMPTS)
    assert (logits_there(model, inputs) - logits_of(solver.lm, conditions)).abs().max() < EXACT
    assert torch.equal(codes_there(model, inputs, 3.0, monkeypatch), greedy(solver.lm, conditions, 3.0))


@pytest.mark.parametrize("name", ["transformers", "audiocraft", "peft"])
def test_what_was_exported_is_read_back(solver: OrchestratorModel, exported: Callable[[str], Path], name: str) -> None:
    folder = exported(name)
    back = load_model(str(folder))
    conditions = conditions_of(solver, PROMPTS)
    assert (logits_of(back.lm, conditions) - logits_of(solver.lm, conditions)).abs().max() < EXACT
    assert back.facts["run"] == "ab12cd34" and back.instrument_words == "midi" and back.max_seconds == SECONDS
    assert "license: cc-by-nc-4.0\n" in (folder / "README.md").read_text()
    begun = language_model_package(f"//pretrained/{folder}")  # as continue_from
    check_fits(back.lm.cfg, begun.state, name)
    assert begun.state.keys() == language_model_package(BASE).state.keys()
    codes = sequence()
    with torch.no_grad():
        assert (back.codec.decode(codes, None) - solver.codec.decode(codes, None)).abs().max() < EXACT


@pytest.mark.parametrize("name", ["transformers", "audiocraft"])
def test_what_was_read_back_is_exported_as_ours(exported: Callable[[str], Path], tmp_path: Path, name: str) -> None:
    again = tmp_path / "ours"
    export(str(exported(name)), again)
    assert load_model(str(again)).facts["run"] == "ab12cd34"
    assert "license: cc-by-nc-4.0\n" in (again / "README.md").read_text()

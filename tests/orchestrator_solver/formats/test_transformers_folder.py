"""MusicGen Melody as transformers itself writes it: read in parts, heard the same, refused where it is not whole."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from support import hub_cache
from support.small_melody import FRAMES, small_melody
from transformers import MusicgenMelodyForConditionalGeneration, T5EncoderModel

from dataset_builder.errors import UserError
from orchestrator_solver.features.conditions import StoredReferences
from orchestrator_solver.generation.model import load_model
from orchestrator_solver.weights import transformers_names
from orchestrator_solver.weights.transformers_folder import read_codec, read_language_model


@pytest.fixture(scope="module")
def theirs(filled_hub: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """In parts, with the T5 of the local hub."""
    folder, model = tmp_path_factory.mktemp("theirs"), small_melody(words=32128)
    with pytest.MonkeyPatch.context() as patch:
        hub_cache.use(filled_hub, patch)
        model.text_encoder = T5EncoderModel.from_pretrained("t5-base")
    model.save_pretrained(folder, max_shard_size="60MB")
    return folder


@pytest.fixture
def copy(theirs: Path, tmp_path: Path) -> Callable[..., Path]:
    """A folder with its weights in one file and settings that are changed."""

    def make(**changes: object) -> Path:
        values = json.loads((theirs / "config.json").read_text())
        for key, value in changes.items():
            section, _, name = key.partition("__")
            values[section][name] = value
        (tmp_path / "config.json").write_text(json.dumps(values))
        state = {name: one for path in theirs.glob("*.safetensors") for name, one in load_file(path).items()}
        save_file(
            {name: one for name, one in state.items() if "text_encoder" not in name}, tmp_path / "model.safetensors"
        )
        return tmp_path

    return make


def test_a_model_in_parts_gives_the_logits_that_it_gives_there(theirs: Path, hub_home: Path) -> None:
    assert len(list(theirs.glob("model-*.safetensors"))) > 1
    model = load_model(str(theirs))
    assert (model.sample_rate, model.codec.frame_rate, model.codec.num_codebooks, model.max_seconds) == (
        32_000,
        50,
        4,
        2,
    )
    classes = torch.arange(2 * FRAMES).reshape(2, FRAMES) % 12
    codes = torch.randint(2048, (2, 4, 5), generator=torch.Generator().manual_seed(1))
    provider = model.lm.condition_provider.conditioners
    text = provider["description"].tokenize(["violin, cello", "a"])
    heard = provider["self_wav"](StoredReferences(classes, torch.full((2,), 64_000)))
    there = MusicgenMelodyForConditionalGeneration.from_pretrained(theirs).eval()
    with torch.no_grad():
        ours = model.lm(codes, [], {"description": provider["description"](text), "self_wav": heard})
        one_hot = torch.nn.functional.one_hot(classes, 12).float()
        found = there(**text, input_features=one_hot, decoder_input_ids=codes.reshape(8, 5)).logits
    assert (found.reshape(2, 4, -1, 2048)[:, :, -5:] - ours).abs().max() < 1e-4


def test_names_go_there_and_back(theirs: Path, copy: Callable[..., Path]) -> None:
    state = read_language_model(copy()).state
    there = transformers_names.to_transformers(state)
    weight, bias = there["audio_enc_to_dec_proj.weight"], there["audio_enc_to_dec_proj.bias"]
    assert weight.shape == (32, 13) and not torch.nn.functional.linear(torch.eye(13)[0], weight, bias).any()
    back = transformers_names.from_transformers(there)
    assert back.keys() == state.keys() - {transformers_names.CONSTANT}
    assert all(torch.equal(value, state[name]) for name, value in back.items())
    there["audio_enc_to_dec_proj.weight"] = torch.rand(32, 13)
    with pytest.raises(ValueError, match="stands for nothing"):
        transformers_names.from_transformers(there)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"decoder__num_hidden_layers": 3}, "linear1"), ({"decoder__vocab_size": 60_000}, "emb.0"),
     ({"decoder__hidden_size": 10**9}, "dim may not be"), ({"decoder__audio_channels": 2}, "2 channels"),
     ({"text_encoder__model_type": "bert"}, "expected t5"), ({"text_encoder__d_model": 100}, "100 wide"),
     ({"decoder__num_attention_heads": "x"}, "transformers"), ({"decoder__hidden_size": 0}, "zero")],
)  # fmt: skip
def test_settings_of_another_model_are_one_line(copy: Callable[..., Path], change: dict, words: str) -> None:
    with pytest.raises(UserError, match=words) as caught:
        read_language_model(copy(**change))
    assert "\n" not in str(caught.value)


def test_a_codec_is_no_larger_than_its_weights(copy: Callable[..., Path]) -> None:
    assert read_codec(copy()).config.codebook_size == 2048
    with pytest.raises(UserError, match=r"audio_encoder\..* is not as config.json says"):
        read_codec(copy(audio_encoder__num_filters=4000))
    for change in ({"num_residual_layers": 768}, {"target_bandwidths": [1e9]}, {"upsampling_ratios": [1] * 30}):
        with pytest.raises(UserError, match=r"audio_encoder\.\w+ has \d+, at most"):
            read_codec(copy(**{f"audio_encoder__{name}": value for name, value in change.items()}))


def test_only_safetensors_are_read_and_no_code_is_run(copy: Callable[..., Path]) -> None:
    folder = copy()
    (folder / "silent_chroma.py").write_text("raise SystemExit('run')")
    assert read_language_model(folder).facts == {"published": str(folder)}
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(UserError, match=r"model\.safetensors"):
        read_language_model(folder)
    (folder / "model.safetensors.index.json").write_text('{"weight_map": {"a": "../elsewhere.safetensors"}}')
    with pytest.raises(UserError, match="is no file of weights"):
        read_language_model(folder)


def test_a_t5_that_was_trained_is_refused(theirs: Path, tmp_path: Path, hub_home: Path) -> None:
    for path in theirs.iterdir():
        if path.suffix == ".safetensors":
            state = {name: one + 1e-3 if ".SelfAttention.q." in name else one for name, one in load_file(path).items()}
            save_file(state, tmp_path / path.name)
        else:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(UserError, match="its T5 is not the published t5-base"):
        read_language_model(tmp_path)

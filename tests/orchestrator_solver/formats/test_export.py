"""What an export says of a model, what it refuses, and whose the weights are."""

import json
from pathlib import Path

import pytest
import torch
import yaml
from audiocraft.environment import AudioCraftEnvironment
from omegaconf import OmegaConf
from support.hub_cache import LM_YAML
from support.lora_run import LORA
from support.tiny_lm import tiny_config, tiny_lm

from dataset_builder.errors import UserError
from orchestrator_solver.cli import main
from orchestrator_solver.formats import peft_writer, registry
from orchestrator_solver.formats.licence import licence_of
from orchestrator_solver.formats.limits import require_carried
from orchestrator_solver.formats.peft_writer import require_additions
from orchestrator_solver.generation.model import load_model
from orchestrator_solver.models.runs import BestOfRun
from orchestrator_solver.weights.package import load, shipped


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of runs, in which `put` leaves the nano model's kind."""
    monkeypatch.setattr(AudioCraftEnvironment, "get_dora_dir", lambda: tmp_path / "runs")
    return tmp_path / "runs"


def put(runs: Path, signature: str, tiny_models: Path, continue_from: str | None) -> str:
    cfg = tiny_config()
    begun = {"solver": "orchestrator", "continue_from": continue_from, "optim": {"updates_per_epoch": 7},
             "compression_model_checkpoint": str(tiny_models.parent / "codec")}  # fmt: skip
    state = {
        "best_state": {"model": tiny_lm().state_dict()},
        "xp.cfg": OmegaConf.merge(cfg, begun),
        "history": [{}, {}],
    }
    folder = runs / "xps" / signature
    folder.mkdir(parents=True)
    torch.save(state, folder / "checkpoint.th")
    return signature


def card_of(folder: Path) -> tuple[dict, str]:
    _, head, text = (folder / "README.md").read_text().split("---\n", 2)
    return yaml.safe_load(head), text


def test_a_run_is_exported_with_a_card(
    runs: Path, tiny_models: Path, tiny_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    interval = {"mean": 0.357, "low": 0.287, "high": 0.416}
    line = {"row": "finetuned", "policy": "stem", "prompting": "w description", "intervals": {"instruments": interval}}
    other = {**line, "row": "baseline", "intervals": {"instruments": {**interval, "mean": 0.11}}}
    (tmp_path / "table1.json").write_text(json.dumps({"lines": [other, line]}))
    put(runs, "abc1", tiny_models, None)
    out = tmp_path / "out"
    told = ["--instruments-of", str(tiny_data), "--scores", str(tmp_path / "table1.json")]
    assert main(["export", "abc1", "--to", str(out), *told]) == 0
    assert "README.md" in capsys.readouterr().out
    head, text = card_of(out)
    assert head["license"] == "mit" and head["library_name"] == "music-orchestrator" and "base_model" not in head
    assert "slakh, " in text and "Updates: 14" in text and "Instruments: " in text
    assert "| stem | w description | 0.357 [0.287, 0.416] |" in text and "0.110" not in text
    assert "trained from nothing" in text and "Orchestrator.from_pretrained" in text
    assert load_model(str(out)).facts["scores"][0]["scores"] == {"instruments": list(interval.values())}
    assert main(["export", str(out), "--to", str(tmp_path / "again")]) == 0, "also what was exported"
    assert card_of(tmp_path / "again")[1] == text


@pytest.mark.parametrize(
    ("continue_from", "licence", "words"),
    [(None, "mit", "from nothing"), ("", "mit", "from nothing"), ("//pretrained/nano-baseline", "mit", "nano-baseline"),
     ("//pretrained/facebook/musicgen-melody", "cc-by-nc-4.0", "facebook/musicgen-melody"),
     ("//sig/abc2", "cc-by-nc-4.0", "facebook/musicgen-melody"), ("//sig/gone", "other", "gone"),
     ("//pretrained/somebody/else", "other", "else")],
)  # fmt: skip
def test_the_licence_is_that_of_what_it_began_with(
    runs: Path, tiny_models: Path, tmp_path: Path, empty_hub: Path, continue_from: str, licence: str, words: str
) -> None:
    put(runs, "abc2", tiny_models, "//pretrained/facebook/musicgen-melody")
    put(runs, "abc3", tiny_models, continue_from)
    assert main(["export", "abc3", "--to", str(tmp_path / "out")]) == 0
    head, text = card_of(tmp_path / "out")
    assert head["license"] == licence and words in text.rpartition("## Licence")[2]
    assert load(str(tmp_path / "out"), "lm").facts["licence"]["name"] == licence


def test_a_licence_that_a_model_claims_does_not_undo_what_it_began_with() -> None:
    claimed = {"licence": {"name": "mit", "reason": "so I say"}, "baseline": "//pretrained/facebook/musicgen-melody"}
    assert licence_of(BestOfRun("lm", OmegaConf.create(), {}, claimed)).name == "cc-by-nc-4.0"
    assert licence_of(BestOfRun("lm", OmegaConf.create(), {}, {"licence": claimed["licence"]})).name == "mit"
    assert licence_of(BestOfRun("lm", OmegaConf.create(), {}, {})).name == "other"


def test_a_codec_that_stands_beside_decides_too() -> None:
    cfg = OmegaConf.create(
        {"continue_from": None, "compression_model_checkpoint": "//pretrained/facebook/encodec_32khz"}
    )
    free = BestOfRun("lm", cfg, {}, {})
    assert licence_of(free).name == "mit" and licence_of(free, holds_codec=True).name == "cc-by-nc-4.0"


@pytest.mark.parametrize("name", [name for name in shipped() if not name.endswith("codec")])
def test_shipped_models_are_mit(name: str, tmp_path: Path) -> None:
    assert main(["export", name, "--to", str(tmp_path / "out")]) == 0
    assert card_of(tmp_path / "out")[0]["license"] == "mit"


@pytest.mark.parametrize("format_name", ["audiocraft", "transformers", "peft"])
def test_what_the_nano_models_have_is_refused_with_the_reason(
    format_name: str, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    assert main(["export", "nano", "--to", str(tmp_path / "out"), "--format", format_name]) == 2
    said = capsys.readouterr().err
    assert "frame by frame" in said and f"as {format_name}" in said and said.count("\n") == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("change", "format_name", "words"),
    [({"conditioners": {"self_wav": {"chroma_stem": {"separate": False}}}}, "audiocraft", "always separates"),
     ({"dataset": {"segment_duration": 10}}, "audiocraft", "goes on by 18 s"),
     ({"codebooks_pattern": {"delay": {"delays": [0, 0, 0, 0]}}}, "transformers", "not delayed"),
     ({"transformer_lm": {"bias_ff": True}}, "transformers", "bias_ff is True"),
     ({"transformer_lm": {"positional_embedding": "rope"}}, "peft", "positional_embedding is rope"),
     ({"fuser": {"prepend": ["self_wav"], "cross": ["description"]}}, "transformers", "no prefix"),
     ({"compression_model_checkpoint": "//pretrained/nano-codec"}, "transformers", "codec is spectral"),
     ({"compression_model_checkpoint": "//pretrained/facebook/musicgen-stereo-melody"}, "audiocraft", "stereo"),
     ({"transformer_lm": {"dim": 768}}, "transformers", "as wide as its T5")],
)  # fmt: skip
def test_what_a_format_cannot_hold_is_refused(change: dict, format_name: str, words: str) -> None:
    cfg = OmegaConf.create(LM_YAML.replace("LAYERS", "1"))
    require_carried(cfg, "lm", format_name)
    with pytest.raises(UserError, match=words):
        require_carried(OmegaConf.merge(cfg, change), "lm", format_name)


@pytest.mark.parametrize(
    ("change", "words"),
    [({"lora": {"rank": 0}}, "no additions"), ({"continue_from": None}, "nowhere else"),
     ({"continue_from": "//sig/abc1"}, "others do not have"),
     ({"lora": {"train": ["condition_provider", "linears"]}}, "lora.train=linears")],
)  # fmt: skip
def test_peft_takes_additions_to_a_model_that_others_have(change: dict, words: str) -> None:
    cfg = OmegaConf.create({"lora": LORA, "continue_from": "//pretrained/facebook/musicgen-melody"})
    require_additions(BestOfRun("lm", cfg, {}, {}))
    with pytest.raises(UserError, match=words):
        require_additions(BestOfRun("lm", OmegaConf.merge(cfg, change), {}, {}))


def test_codecs_and_folders_of_another_format_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(UserError, match="a codec cannot be written as transformers"):
        require_carried(OmegaConf.create(), "codec", "transformers")
    (tmp_path / "config.json").write_text("{}")
    assert main(["export", "nano", "--to", str(tmp_path)]) == 2
    assert "in the format transformers" in capsys.readouterr().err


def test_without_peft_it_is_said_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peft_writer, "find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip install peft"):
        require_additions(BestOfRun("lm", OmegaConf.create(), {}, {}))


def test_a_codec_has_no_card(tiny_models: Path, tmp_path: Path) -> None:
    codec = load(str(tiny_models.parent / "codec"), "codec")
    registry.write(BestOfRun("codec", codec.cfg, codec.state, {}), tmp_path, "ours", {})
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model.json", "model.safetensors"]
    assert load(str(tmp_path), "codec").facts["licence"]["name"] == "other"

"""Models on disk: what is written is what is read, and damage is said in one line."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from audiocraft.models.builders import get_compression_model
from omegaconf import OmegaConf

from dataset_builder.errors import UserError
from orchestrator_solver.models import loading
from orchestrator_solver.weights import description
from orchestrator_solver.weights.package import check_fits, load, save, shipped


@pytest.fixture
def package(tiny_models: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_models, tmp_path / "lm"))


def test_weights_survive_within_half_precision(package: Path) -> None:
    state = load(str(package), "lm").state
    model = loading.build_lm_from_package(load(str(package), "lm"))
    assert all(torch.equal(value, state[name].float()) for name, value in model.state_dict().items())


def test_running_sums_of_the_codec_are_not_shipped(tiny_models: Path) -> None:
    codec = str(tiny_models.parent / "codec")
    assert not any("embed_avg" in name for name in load(codec, "codec").state)
    wav = torch.randn(1, 1, 6400)
    assert loading.load_codec_package(codec).encode(wav)[0].shape == (1, 2, 10)


def test_a_clone_without_weights_is_one_line(package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = package / "model.safetensors"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n")
    with pytest.raises(UserError, match=r"pointer of git-lfs.*: git lfs pull"):
        load(str(package), "lm")
    path.unlink()
    with pytest.raises(UserError, match=r"is not there, .* not whole: `git checkout"):
        load(str(package), "lm")
    monkeypatch.setattr(description, "FOLDER", tmp_path / "pretrained")
    with pytest.raises(UserError, match=r"no model 'nano': .* is empty, this clone is not whole"):
        load("nano", "lm")


def test_torn_weights(package: Path) -> None:
    path = package / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-10])
    with pytest.raises(UserError, match="torn"):
        load(str(package), "lm")


def test_hostile_header(package: Path) -> None:
    """A hash can be forged with the file; the reader must not trust the header either."""
    path = package / "model.safetensors"
    path.write_bytes(b"\xff" * 8 + path.read_bytes()[8:])
    description = json.loads((package / "model.json").read_text())
    description["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    del description["sha256_of_all"]
    (package / "model.json").write_text(json.dumps(description))
    with pytest.raises(UserError, match="cannot be read"):
        load(str(package), "lm")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"kind": "lm"}'])
def test_broken_description(package: Path, text: str) -> None:
    (package / "model.json").write_text(text)
    with pytest.raises(UserError, match="cannot be read"):
        load(str(package), "lm")


def test_weights_of_another_size(tiny_models: Path) -> None:
    package = load(str(tiny_models), "lm")
    cfg, state = package.cfg, package.state
    check_fits(cfg, state, "mine")
    fewer = {name: value for name, value in state.items() if "layers.1." not in name}
    with pytest.raises(UserError, match="1 layers of width 16, and this run builds 2 of 16"):
        check_fits(cfg, fewer, "mine")


def test_wrong_kind_and_unknown_name(package: Path) -> None:
    with pytest.raises(UserError, match="'codec'"):
        load(str(package), "codec")
    with pytest.raises(UserError, match="no model 'nowhere'"):
        load("nowhere", "lm")


def rewrite(package: Path, path: str, value: object) -> None:
    """Change one setting as somebody would who makes hostile packages: the hash of all is left out."""
    description = json.loads((package / "model.json").read_text())
    description.pop("sha256_of_all", None)
    *sections, last = path.split(".")
    inner = description["cfg"]
    for section in sections:
        inner = inner[section]
    inner[last] = value
    (package / "model.json").write_text(json.dumps(description))


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("compression_model_checkpoint", "//pretrained/${oc.env:OPENAI_API_KEY}", "interpolation"),
        ("conditioners.description.words.dim", "${oc.env:OPENAI_API_KEY}", "interpolation"),
        ("compression_model_checkpoint", "https://example.org/codec.th", "neither a model here"),
        ("compression_model_checkpoint", "//pretrained/somebody/else", "neither a model here"),
        (
            "conditioners.description",
            {"model": "lut", "lut": {"n_bins": 9, "dim": 8, "tokenizer": "whitespace"}},
            "'lut'",
        ),
        ("conditioners.description.words.cache_path", "/somewhere", "may not hold 'cache_path'"),
        (
            "conditioners.self_wav",
            {
                "model": "chroma_stem",
                "chroma_stem": {"sample_rate": 16_000, "radix2_exp": 12, "separate": False, "cache_path": "/somewhere"},
            },
            "cache_path may not be '/somewhere'",
        ),
        ("conditioners.description.lut", {}, "may not hold 'lut'"),
        ("conditioners.description.words.n_bins", 100_000_000, "may not be 100000000"),
        ("conditioners.description.words.n_bins", 10_000_000, "is .10000000, 8."),
        ("conditioners.args", {"model": "words", "words": {"dim": 8, "n_bins": 32}}, "conditioners"),
        ("transformer_lm.num_layers", 200, "layers.2.linear1.weight"),
        ("transformer_lm.dim", 65_536, "emb.0.weight"),
        ("transformer_lm.dim", "16", "dim may not be '16'"),
        ("transformer_lm.device", "cuda", "may not hold 'device'"),
        ("transformer_lm", [], "may not be"),
        ("fuser.sum", ["nothing"], "none of cfg.conditioners"),
        ("slurm", {}, "may not hold 'slurm'"),
        ("dataset.segment_duration", float("nan"), "may not be nan"),
        ("transformer_lm.num_heads", 3, "make no lm"),
    ],
)
def test_a_configuration_is_data(
    package: Path, monkeypatch: pytest.MonkeyPatch, setting: str, value: object, words: str
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    rewrite(package, setting, value)
    with pytest.raises(UserError, match=words) as caught:
        loading.build_lm_from_package(load(str(package), "lm"))
    assert "sk-secret" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("setting", "value"),
    [("spectral.hop_length", 640_000), ("spectral.bands", 4000), ("spectral.encoder_blocks", 60), ("rvq.bins", 60_000),
     ("rvq.n_q", 60), ("spectral.per_semitone", 12), ("encodec.autoencoder", "seanet"), ("spectral.dimension", 9)],
)  # fmt: skip
def test_a_codec_is_no_larger_than_its_weights(tiny_models: Path, tmp_path: Path, setting: str, value: object) -> None:
    folder = Path(shutil.copytree(tiny_models.parent / "codec", tmp_path / "codec"))
    rewrite(folder, setting, value)
    with pytest.raises(UserError):
        loading.load_codec_package(str(folder))


def test_seanet_is_compared_with_its_weights_without_being_built(tmp_path: Path) -> None:
    args = {"dimension": 8, "n_filters": 2, "ratios": [4, 4], "encoder": {}, "decoder": {"trim_right_ratio": 1.0}}
    cfg = OmegaConf.create({
        "compression_model": "encodec", "device": "cpu", "sample_rate": 16_000, "channels": 1, "seanet": args,
        "encodec": {"autoencoder": "seanet", "quantizer": "rvq", "sample_rate": 16_000, "channels": 1},
        "rvq": {"n_q": 2, "bins": 16, "kmeans_init": False},
    })  # fmt: skip
    save(tmp_path, "codec", cfg, get_compression_model(cfg).state_dict(), {})
    assert loading.load_codec_package(str(tmp_path)).frame_rate == 1000
    rewrite(tmp_path, "seanet.ratios", [4] * 12)  # as many as would take terabytes
    with pytest.raises(UserError, match=r"among the weights|makes no encoder"):
        load(str(tmp_path), "codec")


@pytest.mark.parametrize("text", ["[" * 100_000, '{"cfg": 1, "facts": 2, "kind": [], "sha256": {}}', " " * 2**21])
def test_json_of_wrong_types_nesting_and_size(package: Path, text: str) -> None:
    (package / "model.json").write_text(text)
    with pytest.raises(UserError) as caught:
        load(str(package), "lm")
    assert "\n" not in str(caught.value)


def test_the_hash_covers_the_configuration(package: Path) -> None:
    description = json.loads((package / "model.json").read_text())
    description["cfg"]["dataset"]["segment_duration"] = 2.0
    (package / "model.json").write_text(json.dumps(description))
    with pytest.raises(UserError, match=r"model\.json was changed"):
        load(str(package), "lm")
    del description["sha256_of_all"]  # as in packages of before, the shipped ones among them
    (package / "model.json").write_text(json.dumps(description))
    assert load(str(package), "lm").cfg.dataset.segment_duration == 2.0


@pytest.mark.parametrize("name", shipped())
def test_shipped_models_keep_the_rules(name: str) -> None:
    kind = "codec" if name.endswith("codec") else "lm"
    assert load(name, kind).kind == kind

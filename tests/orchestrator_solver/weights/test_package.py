"""Models on disk: what is written is what is read, and damage is said in one line."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch

from dataset_builder.errors import UserError
from orchestrator_solver.models import loading
from orchestrator_solver.weights.package import check_fits, load


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

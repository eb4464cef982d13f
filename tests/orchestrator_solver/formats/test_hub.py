"""A model is pushed to the hub and loaded from there, by huggingface_hub's own client against a server on loopback."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.hub_server import HubServer

from dataset_builder.errors import UserError
from orchestrator_solver.generation.orchestrator import Orchestrator
from orchestrator_solver.paths import PROJECT

PUSHED_AND_LOADED = """
from orchestrator_solver import Orchestrator
player = Orchestrator.from_pretrained("nano", device="cpu")
print(player.push_to_hub("me/model", private=True, commit_message="first"))
again = Orchestrator.from_pretrained("me/model", device="cpu")
print(again.model.sha256 == player.model.sha256, again.model.facts["run"] == player.model.facts["run"])
"""


@pytest.fixture
def hub() -> Iterator[HubServer]:
    server = HubServer()
    yield server
    server.stop()


def test_what_is_pushed_is_what_others_load(hub: HubServer, tmp_path: Path) -> None:
    env = {**os.environ, "HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path), "HF_TOKEN": "hf_mine", "NO_PROXY": "*"}
    env = {name: value for name, value in env.items() if name != "HF_HUB_OFFLINE"}
    done = subprocess.run(
        [sys.executable, "-c", PUSHED_AND_LOADED], env=env, cwd=PROJECT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == "True True" and f"{hub.address}/me/model/commit/" in done.stdout
    assert set(hub.files["me/model"]) == {"README.md", "model.json", "model.safetensors"}
    assert hub.created == [{"name": "model", "organization": "me", "visibility": "private"}]
    assert b"license: mit" in hub.files["me/model"]["README.md"]


def test_a_codec_of_this_machine_alone_is_not_pushed(tiny_models: Path) -> None:
    with pytest.raises(UserError, match="is on this machine alone"):
        Orchestrator.from_pretrained(str(tiny_models), "cpu").push_to_hub("me/model")


def test_a_hub_that_refuses_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    def refuse(*_: object, **__: object) -> None:
        raise OSError("401 Client Error\nUnauthorized")

    monkeypatch.setattr(huggingface_hub.HfApi, "create_repo", refuse)
    with pytest.raises(UserError, match=r"does not take me/model \(401 .*hf auth login") as caught:
        Orchestrator.from_pretrained("nano", "cpu").push_to_hub("me/model")
    assert "\n" not in str(caught.value)


def test_a_player_is_saved_as_it_is_exported(tmp_path: Path) -> None:
    player = Orchestrator.from_pretrained("nano", "cpu")
    player.save_pretrained(tmp_path / "mine")
    assert Orchestrator.from_pretrained(str(tmp_path / "mine"), "cpu").model.sha256 == player.model.sha256

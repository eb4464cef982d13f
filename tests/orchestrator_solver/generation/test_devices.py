"""The commands that play, listen or learn to, on a device that is not the CPU: no tensor is left on another.

The device is torch's `meta`, which refuses to be mixed with the CPU and knows shapes only: values that a command has to
read are made up here, at the one place where they are read: what comes back to the CPU.
"""

from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from audiocraft.models.encodec import EncodecModel

from orchestrator_solver import cli
from orchestrator_solver.decoding.network import Network
from orchestrator_solver.runtime.placement import Placement
from orchestrator_solver.workflows import recogniser_training

META = Placement(torch.device("meta"), torch.float32)


@pytest.fixture
def on_meta(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """All commands compute on `meta`; returns the shapes of logits that language models made."""
    seen: list[torch.Size] = []
    to_cpu, to_number, in_precision, in_full = torch.Tensor.cpu, torch.Tensor.item, torch.autocast, Network.__call__

    def step(self: Network, *args: Any) -> torch.Tensor:
        logits = in_full(self, *args)
        seen.append(logits.shape)
        return logits

    def cpu(self: torch.Tensor) -> torch.Tensor:
        return torch.full(self.shape, 0.01, dtype=self.dtype) if self.is_meta else to_cpu(self)

    def item(self: torch.Tensor) -> Any:
        return 0.01 if self.is_meta else to_number(self)

    def autocast(device_type: str, *args: Any, **settings: Any) -> Any:
        return nullcontext() if device_type == "meta" else in_precision(device_type, *args, **settings)

    monkeypatch.setattr(torch, "autocast", autocast)
    monkeypatch.setattr(Network, "__call__", step)
    monkeypatch.setattr(torch.Tensor, "cpu", cpu)
    monkeypatch.setattr(torch.Tensor, "item", item)
    for command in ("orchestrate", "evaluate", "page", "bench"):
        monkeypatch.setattr(f"orchestrator_solver.commands.{command}.placement", lambda device, precision: META)
    return seen


def test_orchestrate(on_meta: list[torch.Size], tiny_models: Path, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, 0.3 * np.sin(np.arange(2 * 32_000) / 20), 32_000)
    words = ["--instruments", "violin", "--out", tmp_path / "out", "--model", tiny_models, "--no-describe"]
    assert cli.main(["orchestrate", str(song), *map(str, words)]) == 0
    assert on_meta and (tmp_path / "out").is_dir()
    assert '"device": "meta"' in next((tmp_path / "out").glob("*.json")).read_text()


def test_evaluate_and_page(on_meta: list[torch.Size], tiny_models: Path, tiny_data: Path, tmp_path: Path) -> None:
    models = ["--data", tiny_data, "--finetuned", tiny_models, "--baseline", tiny_models, "--seconds", 1.6]
    models += ["--excerpts", 1]
    assert cli.main(["evaluate", *map(str, models), "--out", str(tmp_path / "table")]) == 0
    played = len(on_meta)
    assert played > 0 and '"device": "meta"' in (tmp_path / "table" / "table1.json").read_text()
    assert cli.main(["page", *map(str, models), "--out", str(tmp_path / "page.html")]) == 0
    assert len(on_meta) > played


@pytest.fixture
def encoded_on(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The devices of audio that codecs were given."""
    seen: list[str] = []
    encode = EncodecModel.encode

    def spy(self: EncodecModel, x: torch.Tensor) -> Any:
        seen.append(x.device.type)
        return encode(self, x)

    monkeypatch.setattr(EncodecModel, "encode", spy)
    return seen


@pytest.mark.usefixtures("on_meta")
def test_bench_codec(encoded_on: list[str], tiny_models: Path, tiny_data: Path, capsys: Any) -> None:
    words = ["--data", tiny_data, "--model", tiny_models.parent / "codec", "--clips", 2, "--split", "train"]
    assert cli.main(["bench", "codec", *map(str, words)]) == 0
    assert set(encoded_on) == {"meta"} and "log-mel distance" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore:.*which is a no-op")  # a state has no values here
@pytest.mark.usefixtures("on_meta")
def test_retrain_the_recogniser(
    encoded_on: list[str], tiny_models: Path, tiny_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def placed(device: str) -> Placement:
        asked.append(device)
        return META

    monkeypatch.setattr(recogniser_training, "CODEC", str(tiny_models.parent / "codec"))
    monkeypatch.setattr(recogniser_training, "placement", placed)
    words = ["--data", tiny_data, "--out", tmp_path, "--updates", 1, "--device", "cuda:1"]
    assert cli.main(["retrain", "--only", "recogniser", *map(str, words)]) == 0
    assert asked == ["cuda:1"] and set(encoded_on) == {"meta"} and (tmp_path / "card.json").is_file()

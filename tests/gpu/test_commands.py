"""On a GPU: preparing, playing, scoring and measuring, as the commands do it, and as the CPU does."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from support import device_checks

from orchestrator_solver import cli

pytestmark = pytest.mark.gpu


def test_playing_as_the_cpu(accelerator: str) -> None:
    device_checks.plays_as_the_cpu(accelerator, "nano")


def test_preparing_as_the_cpu_with_readers_beside(accelerator: str, tiny_data: Path, tmp_path: Path) -> None:
    device_checks.prepares_as_the_cpu(accelerator, "nano", tiny_data, tmp_path)


def test_the_command_that_prepares(accelerator: str, tiny_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["prepare", str(tiny_data), "--device", accelerator, "--workers", "2"]) == 0
    assert "items made" in capsys.readouterr().out


@pytest.mark.parametrize("precision", ["float32", "float16", "auto"])
def test_orchestrate(accelerator: str, precision: str, tmp_path: Path) -> None:
    song = tmp_path / "song.wav"
    soundfile.write(song, 0.3 * np.sin(np.arange(3 * 32_000) / 20), 32_000)
    words = [song, "--instruments", "violin", "--out", tmp_path / "out", "--device", accelerator]
    assert cli.main(["orchestrate", *map(str, words), "--precision", precision]) == 0
    record = json.loads(next((tmp_path / "out").glob("*.json")).read_text())
    assert record["computed"]["device"] == accelerator and record["computed"]["gpu"]
    assert record["computed"]["precision"] == ("float16" if precision == "auto" else precision)
    wav, _ = soundfile.read(next((tmp_path / "out").glob("*.wav")))
    assert np.isfinite(wav).all() and np.abs(wav).max() > 0.01


def test_evaluate_and_page(accelerator: str, tiny_data: Path, tmp_path: Path) -> None:
    words = ["--data", tiny_data, "--seconds", 4, "--excerpts", 2, "--device", accelerator]
    assert cli.main(["evaluate", *map(str, words), "--out", str(tmp_path / "table")]) == 0
    assert f'"device": "{accelerator}"' in (tmp_path / "table" / "table1.json").read_text()
    assert cli.main(["page", *map(str, words), "--out", str(tmp_path / "page.html")]) == 0
    assert (tmp_path / "page.html").stat().st_size > 10_000


def test_measurements(accelerator: str, tiny_data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["bench", "optimizer", "--layers", "2", "--device", accelerator]) == 0
    assert f"on {accelerator}" in capsys.readouterr().out
    words = ["--scale", "nano", "--caches", "none", "--seconds", 2, "--turns", 1, "--device", accelerator]
    assert cli.main(["bench", "training", *map(str, words)]) == 0
    words = ["--data", tiny_data, "--clips", 2, "--device", accelerator]
    assert cli.main(["bench", "baseline", *map(str, words)]) == 0

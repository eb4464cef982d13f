"""`bench playing` says what a user waits for, and what memory a long piece takes."""

from pathlib import Path

import pytest

from orchestrator_solver.bench.speed import playing
from orchestrator_solver.generation.model import load_model


def test_every_figure_is_measured(tiny_models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "MEMORY", (2, 4))
    report = playing.bench_playing(load_model(str(tiny_models)), turns=1, threads=1)
    assert report.real_time > 0 and report.candidates > 0 and 0 < report.first_sound < 1
    assert all(300 < peak < 4000 for peak in report.memory)
    assert "8 takes at once" in report.text() and "MiB for 4 s" in report.text()

"""What is seen of a run: time left, pace, and tables of samples with scores."""

import io
import json
import logging
from pathlib import Path
from types import SimpleNamespace

import flashy
import numpy as np
import pytest
import soundfile
import torch
from audiocraft.modules.conditioners import WavCondition

from orchestrator_solver.monitoring import sample_table
from orchestrator_solver.monitoring.sample_table import SampleTable, asked_for
from orchestrator_solver.monitoring.stage_progress import TimeLeftBar
from orchestrator_solver.runtime.throughput import OF_THE_MACHINE, Pace, memory_gib

RATE = 16_000


def tone(hertz: float, seconds: float = 2.0) -> torch.Tensor:
    """`[1, T]`."""
    return 0.3 * torch.sin(2 * torch.pi * hertz * torch.arange(round(seconds * RATE)) / RATE)[None]


def info(item: str, prompt: str | None, reference: torch.Tensor) -> SimpleNamespace:
    condition = WavCondition(reference[None], torch.tensor([reference.shape[-1]]), [RATE], [None], [0.0])
    return SimpleNamespace(
        meta=SimpleNamespace(path=item), seek_time=1.5, description=prompt, self_wav=condition
    )  # fmt: skip


@pytest.fixture
def table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> SampleTable:
    """Two samples: one that follows its reference, one whose reference is silent."""
    monkeypatch.setattr(sample_table, "Instruments", lambda: lambda clips: np.array([0.75, float("nan")]))
    found = SampleTable(tmp_path, 3, 0, RATE)
    infos = [info("T1-mix", "Calm. Instruments: violin, drums.", tone(440.0)), info("T1-S01", None, 0 * tone(440.0))]
    outputs = torch.stack([tone(440.0), tone(523.25)])
    found.add(infos, outputs, torch.stack([tone(440.0), tone(440.0)]))
    return found


def test_a_table_has_audio_prompt_and_scores(table: SampleTable, tmp_path: Path) -> None:
    table.write()
    folder = tmp_path / "sample_tables" / "0003"
    first, second = (json.loads(line) for line in (folder / "0.jsonl").read_text().splitlines())
    assert (first["item"], first["start"], first["sim"], first["instruments"]) == ("T1-mix", 1.5, 1.0, 0.75)
    assert first["prompt"] == "Calm. Instruments: violin, drums." and second["prompt"] == ""
    assert second["sim"] is None and second["instruments"] is None
    wav, rate = soundfile.read(folder / second["output"])
    assert rate == RATE and np.abs(wav - tone(523.25)[0].numpy()).max() < 1e-4
    assert len(list(folder.iterdir())) == 1 + 2 * 3


def test_a_run_that_plays_nan_goes_on_without_scores(tmp_path: Path) -> None:
    table = SampleTable(tmp_path, 3, 0, RATE)
    played = torch.stack([tone(440.0) * torch.nan])
    table.add([info("T1-mix", "Instruments: violin.", tone(440.0))], played, torch.stack([tone(440.0)]))
    (sample,) = table.write()
    assert sample.sim is None and sample.instruments is None


def test_the_instruments_that_a_prompt_asks_for() -> None:
    assert asked_for("Piano-like. Instruments: violin, drums.") == ("violin", "drums")
    assert asked_for("slap bass, electric bass, flute") == ("electric bass", "pipe")


def test_lines_say_how_long_it_takes(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        bar = TimeLeftBar(logging.getLogger("bar"), range(20), updates=5, total=20, name="Train | Epoch 2")
        for _ in bar:
            bar.update(ce=1.0)
    assert caplog.messages[0].startswith("Train | Epoch 2 | 4/20 |") and "left 00:0" in caplog.messages[0]
    assert "ce 1.0" in caplog.messages[0] and len(caplog.messages) == 4


@pytest.mark.parametrize(("terminal", "rank", "shown"), [(True, 0, True), (False, 0, False), (True, 1, False)])
def test_a_bar_is_for_a_terminal(
    terminal: bool, rank: int, shown: bool, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    screen = io.StringIO()
    monkeypatch.setattr(screen, "isatty", lambda: terminal, raising=False)
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr(flashy.distrib, "is_rank_zero", lambda: rank == 0)
    list(TimeLeftBar(logging.getLogger("bar"), range(3), updates=0, total=3, name="Valid"))
    assert ("Valid" in screen.getvalue()) is shown


def test_pace_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [10.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    pace = Pace(audio_per_step=240.0)
    pace.step()
    pace.step()
    now[0] = 14.0
    figures = pace.figures()
    assert figures["audio_per_second"] == 120.0 and figures.keys() < OF_THE_MACHINE
    assert 0.05 < figures["memory_gib"] == pytest.approx(memory_gib(), abs=1.0)

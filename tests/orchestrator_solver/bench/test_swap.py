"""The swap test is 1 for a model that plays what it is asked for, one half for one that does not listen."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_models import SECONDS, build_tiny_data
from support.tiny_slakh import write_track

from dataset_builder.errors import UserError
from dataset_builder.music.instruments import CLASSES, find_instruments
from orchestrator_solver.bench.swap import bench_swap
from orchestrator_solver.generation.model import OrchestratorModel
from orchestrator_solver.generation.sampling import SamplingSettings
from orchestrator_solver.metrics.recogniser import Recogniser
from orchestrator_solver.models.loading import load_codec


class Player(OrchestratorModel):
    """Plays each prompt as a level of its own, or, deaf, all as the first."""

    grid = 0.32

    def __init__(self, codec: torch.nn.Module, deaf: bool) -> None:
        super().__init__("player", "p" * 64, None, codec, 8.0)  # type: ignore[arg-type]
        self.deaf, self.prompts = deaf, ["nothing"]

    def generate(
        self, prompts: Sequence[str | None], references, seconds, sampling, progress=None, seeds=None
    ) -> torch.Tensor:
        if not self.deaf or len(self.prompts) == 1:
            self.prompts += [str(prompt) for prompt in prompts]
        levels = [0.01 * (1 if self.deaf else self.prompts.index(str(prompt))) for prompt in prompts]
        return torch.tensor(levels)[:, None, None].expand(-1, 1, round(seconds * self.sample_rate))


class Ear(Recogniser):
    """Hears the instruments of the prompt that a level stands for; in other sound nothing."""

    player: Player

    def probabilities(self, wavs: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
        found = np.full((len(wavs), len(CLASSES)), 0.1)
        for place, wav in enumerate(wavs):
            if np.ptp(wav) == 0:
                named = find_instruments(Ear.player.prompts[round(wav[0] * 100)])
                found[place, [CLASSES.index(name) for name in named]] = 0.9
        return found


@pytest.fixture
def data(tiny_slakh: Path, tmp_path: Path) -> Path:
    """Two works to be tested on, which share no instrument; one has a stem alone."""
    write_track(tmp_path / "slakh/test/Track00005", 100.0, {0: 40, 1: 42})
    write_track(tmp_path / "slakh/test/Track00006", 100.0, {0: 73, 1: 56})
    return build_tiny_data(tmp_path / "slakh", tmp_path / "data")


@pytest.mark.parametrize(("deaf", "told_apart", "first"), [(False, 1.0, 1.0), (True, 0.5, 0.25)])
def test_takes_are_told_apart(
    data: Path, tiny_models: Path, monkeypatch: pytest.MonkeyPatch, deaf: bool, told_apart: float, first: float
) -> None:
    Ear.player = Player(load_codec(str(tiny_models.parent / "codec"), torch.device("cpu")), deaf)
    ear = Ear(None, {}, "")  # type: ignore[arg-type]
    report = bench_swap(data, Ear.player, SamplingSettings(), "test", 20, SECONDS, ear)
    assert report.takes.mean == told_apart and report.takes.groups == 2
    assert report.targets.mean == 0.5, "this ear hears nothing in true items"
    assert report.first.mean == pytest.approx(first, abs=0.26) and report.first.n > 3
    assert (report.first.mean == 1.0) == (not deaf)
    assert "told apart" in report.text()


def test_one_work_makes_no_pairs(tiny_data: Path, tiny_models: Path) -> None:
    player = Player(load_codec(str(tiny_models.parent / "codec"), torch.device("cpu")), False)
    with pytest.raises(UserError, match="no two excerpts of test are of different works and share no instrument"):
        bench_swap(tiny_data, player, SamplingSettings(), "test", 20, SECONDS, Ear(None, {}, ""))  # type: ignore[arg-type]

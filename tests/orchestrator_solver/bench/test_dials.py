"""Every setting plays the same excerpts by the same numbers, and a star marks what no other setting beats."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from support.tiny_models import SECONDS

from orchestrator_solver import cli
from orchestrator_solver.bench.dials import Dials, DialsReport, Tried, bench_dials
from orchestrator_solver.generation.model import OrchestratorModel
from orchestrator_solver.generation.sampling import SamplingSettings
from orchestrator_solver.metrics.clips import Clips
from orchestrator_solver.models.loading import load_codec
from orchestrator_solver.statistics.bootstrap import bootstrap


class Player(OrchestratorModel):
    """Plays a level: guidance by the tune, in hundredths."""

    grid = 0.32

    def __init__(self, codec: torch.nn.Module) -> None:
        super().__init__("player", "p" * 64, None, codec, 8.0)  # type: ignore[arg-type]
        self.asked: list[tuple[SamplingSettings, list[int]]] = []

    def generate(
        self, prompts: Sequence[str | None], references, seconds, sampling, progress=None, seeds=None
    ) -> torch.Tensor:
        self.asked.append((sampling, list(seeds)))
        level = sampling.follow_melody / 100
        return torch.full((len(prompts), 1, round(seconds * self.sample_rate)), level)


class Level:
    """The level of what is played, times a sign."""

    def __init__(self, label: str, higher_is_better: bool) -> None:
        self.label, self.higher_is_better = label, higher_is_better

    def __call__(self, clips: Clips) -> np.ndarray:
        return np.array([wav.mean() for wav in clips.generated])


def tried(**scores: float) -> Tried:
    return Tried(3, 3, 1, 250, {name: bootstrap(np.array([score]), [0], 0) for name, score in scores.items()})


def test_all_settings_play_the_same(tiny_data: Path, tiny_models: Path) -> None:
    player = Player(load_codec(str(tiny_models.parent / "codec"), torch.device("cpu")))
    dials = Dials((2, 4), (1, 3), (1.0,), (50,))
    metrics: dict[str, Any] = {"level": Level("level", True)}
    report = bench_dials(tiny_data, player, dials, metrics, "test", 3, SECONDS)
    found = [(one.melody, one.words, round(one.scores["level"].mean, 4)) for one in report.tried]
    assert found == [(2, 1, 0.02), (2, 3, 0.02), (4, 1, 0.04), (4, 3, 0.04)]
    assert len({tuple(seeds) for _, seeds in player.asked}) == 1 and len(set(player.asked[0][1])) == report.excerpts
    assert report.frontier == [False, False, True, True]


def test_one_dial_is_both() -> None:
    settings = list(Dials((2.0, 5.0)).settings())
    assert [(one.follow_melody, one.follow_words) for one in settings] == [(2, 2), (5, 5)]


def test_a_star_marks_the_frontier() -> None:
    points = (tried(tune=0.9, far=0.5), tried(tune=0.8, far=0.5), tried(tune=0.1, far=0.1))
    report = DialsReport(7, {"tune": True, "far": False}, points)
    assert report.frontier == [True, False, True]
    assert [line[0] for line in report.text().splitlines()[1:]] == ["*", " ", "*"]


@pytest.mark.parametrize(("words", "line"), [(("--metrics", "loud"), "unknown metric"), (("--melody", "-1"), "-1")])
def test_slips(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, str], line: str) -> None:
    try:
        code = cli.main(["bench", "dials", "--data", str(tmp_path), *words])
    except SystemExit as stop:
        code = stop.code
    assert code == 2 and line in capsys.readouterr().err

"""The test of ears says of each metric what true excerpts, the codec's, others' and other requests score."""

import json
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_models import SECONDS, build_tiny_data
from support.tiny_slakh import write_track

from dataset_builder.errors import UserError
from orchestrator_solver import cli
from orchestrator_solver.bench.ears import bench_ears
from orchestrator_solver.metrics.registry import METRICS, SET_METRICS
from orchestrator_solver.models.loading import load_codec


@pytest.fixture(scope="module")
def codec(tiny_models: Path) -> torch.nn.Module:
    return load_codec(str(tiny_models.parent / "codec"), torch.device("cpu"))


@pytest.fixture
def data(tiny_slakh: Path, tmp_path: Path) -> Path:
    """Two works to be tested on, which share no instrument."""
    write_track(tmp_path / "slakh/test/Track00005", 100.0, {0: 40, 1: 42})
    write_track(tmp_path / "slakh/test/Track00006", 100.0, {0: 73, 1: 56})
    return build_tiny_data(tmp_path / "slakh", tmp_path / "data")


class Same:
    """1 where the take is its target, to the sample; asked for another's instruments, a half of it."""

    label, higher_is_better = "same", True

    def __call__(self, clips) -> np.ndarray:
        own = {"violin", "cello"}
        pairs = zip(clips.generated, clips.targets, strict=True)
        return np.array([float(np.array_equal(*pair)) for pair in pairs]) * [
            1.0 if set(asked) <= own else 0.5 for asked in clips.instruments
        ]


class Means:
    """Embeds a clip as its power."""

    label, higher_is_better = "means", False

    def embed(self, wavs: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
        return np.array([[np.square(wav).mean()] for wav in wavs])

    def distance(self, generated: np.ndarray, target: np.ndarray) -> float:
        return float(abs(generated.mean() - target.mean()))


def test_each_column_is_what_it_is_called(data: Path, codec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METRICS, "same", Same)
    monkeypatch.setitem(SET_METRICS, "means", Means)
    report = bench_ears(data, codec, "test", 8, SECONDS, ["same", "silence", "means"])
    same = report.ears["same"].scores
    assert same["codec"].mean == same["another work"].mean == 0.0 and same["target"].groups == 2
    assert same["target"].mean + same["asked for others"].mean == pytest.approx(1.5), "each half has the other's names"
    assert set(report.ears["silence"].scores) == {"target", "codec", "another work"}, "it asks for no instruments"
    means = report.ears["means"].scores
    assert set(means) == {"target", "codec", "another work"} and means["target"].mean == 0 < means["codec"].mean
    lines = report.text().splitlines()
    assert len(lines) == 2 + 3 and lines[0] == f"{report.excerpts} excerpts of 2 works"


def test_what_a_metric_lacks_is_told_and_stops_nobody(data: Path, codec, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestrator_solver.bench.ears.METRICS", {"clap": METRICS["clap"], "clipping": None})
    monkeypatch.setattr("orchestrator_solver.bench.ears.SET_METRICS", {})
    report = bench_ears(data, codec, "test", 4, SECONDS)
    assert list(report.ears) == ["clipping"] and "--clap-checkpoint" in report.left_out["clap"]
    assert "without clap: " in report.text()
    with pytest.raises(UserError, match="--clap-checkpoint"):
        bench_ears(data, codec, "test", 4, SECONDS, ["clap"])


def test_the_command_prints_and_writes(data: Path, tiny_models: Path, tmp_path: Path, capsys) -> None:
    words = [
        "bench",
        "ears",
        "--data",
        str(data),
        "--codec",
        str(tiny_models.parent / "codec"),
        "--seconds",
        str(SECONDS),
    ]
    chosen = ["--metrics", "loudness,fad_recogniser", "--model", str(tiny_models)]
    assert cli.main([*words, *chosen, "--out", str(tmp_path / "ears.json")]) == 0
    assert "loudness (LU off)" in (shown := capsys.readouterr().out) and "playing them" in shown
    report = json.loads((tmp_path / "ears.json").read_text())
    written = report["ears"]
    assert report["playing"] > 0
    assert written["loudness"]["scores"]["target"]["mean"] == 0 and math.isfinite(written["fad_recogniser"]["seconds"])
    assert cli.main([*words, "--metrics", "loudnes"]) == 2
    assert "unknown metric loudnes: expected one of sim, " in capsys.readouterr().err


def test_one_work_has_no_other(tiny_data: Path, codec) -> None:
    with pytest.raises(UserError, match=r"has no excerpts of 1\.6 s of two works"):
        bench_ears(tiny_data, codec, "test", 4, SECONDS)

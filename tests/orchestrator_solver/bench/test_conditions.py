"""What a model is told shows in how well it foretells codes, and a model that does not listen gains nothing."""

from pathlib import Path

import numpy as np
import pytest
import torch
from support.tiny_models import SECONDS, build_tiny_data
from support.tiny_slakh import write_track

from dataset_builder.errors import UserError
from orchestrator_solver.bench.conditions import OTHERS, bench_conditions
from orchestrator_solver.generation.model import load_model


@pytest.fixture
def data(tiny_slakh: Path, tmp_path: Path) -> Path:
    """Two works to be tested on."""
    write_track(tmp_path / "slakh/test/Track00005", 100.0, {0: 40, 1: 42})
    write_track(tmp_path / "slakh/test/Track00006", 100.0, {0: 73, 1: 56})
    return build_tiny_data(tmp_path / "slakh", tmp_path / "data")


def test_what_is_told_shows(data: Path, tiny_models: Path) -> None:
    model = load_model(str(tiny_models))
    report = bench_conditions(data, model, "test", 4, SECONDS)
    assert len(report.true) == model.lm.n_q and set(report.gains) == set(OTHERS)
    assert [one.mean for one in report.true] == pytest.approx([report.chance] * model.lm.n_q, rel=0.5)
    assert all(abs(gain.mean) > 1e-6 for gain in report.gains.values()), "all that is told changes what is foretold"
    assert "another's prompt" in report.text() and "by codebook" in report.text()


def test_who_does_not_listen_gains_nothing(data: Path, tiny_models: Path) -> None:
    model = load_model(str(tiny_models))
    with torch.no_grad():
        for linear in model.lm.linears:
            linear.weight.zero_()
            linear.bias.zero_()
    report = bench_conditions(data, model, "test", 4, SECONDS)
    assert [one.mean for one in report.true] == pytest.approx([np.log(model.lm.card)] * model.lm.n_q)
    assert all(gain.mean == 0 for gain in report.gains.values())


def test_one_work_has_no_other(tiny_data: Path, tiny_models: Path) -> None:
    with pytest.raises(UserError, match="all excerpts are of one work"):
        bench_conditions(tiny_data, load_model(str(tiny_models)), "test", 4, SECONDS)

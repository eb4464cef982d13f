"""Table 1 with tiny models: every row is there, and a second run plays nothing again."""

from pathlib import Path

import pytest
from support.tiny_models import SECONDS

from orchestrator_solver.evaluation import run as evaluation
from orchestrator_solver.evaluation.excerpts import choose
from orchestrator_solver.generation.model import OrchestratorModel


@pytest.fixture
def settings(tiny_data: Path, tiny_models: Path, tmp_path: Path) -> evaluation.EvaluationSettings:
    models = {"baseline": str(tiny_models), "finetuned": str(tiny_models)}
    return evaluation.EvaluationSettings(tiny_data, models, tmp_path, count=5, seconds=SECONDS, metrics=("sim",))


def _never(*args: object, **kwargs: object) -> None:
    raise AssertionError("what was scored before is played again")


def test_rows_and_resuming(settings: evaluation.EvaluationSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    table = evaluation.evaluate(settings)
    found = {(line.row, line.prompting, line.policy) for line in table.lines}
    expected = {
        (row, prompting, policy)
        for policy in ("self", "stem")
        for row, promptings in {
            "baseline": ("without", "with"), "finetuned": ("without", "with"), "random": ("",), "ceiling": ("",),
        }.items()
        for prompting in promptings
    }  # fmt: skip
    assert found == expected
    monkeypatch.setattr(OrchestratorModel, "generate", _never)
    assert evaluation.evaluate(settings).lines == table.lines


def test_other_settings_do_not_meet_old_scores(
    settings: evaluation.EvaluationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    import dataclasses

    evaluation.evaluate(settings)
    monkeypatch.setattr(OrchestratorModel, "generate", _never)
    with pytest.raises(AssertionError, match="played again"):
        evaluation.evaluate(dataclasses.replace(settings, guidance=1.0))


def test_excerpts_are_fixed_and_sound(tiny_data: Path) -> None:
    few = choose(tiny_data, "test", 2, SECONDS, ("self", "stem"), 0.32)
    many = choose(tiny_data, "test", 5, SECONDS, ("self", "stem"), 0.32)
    assert [e.item.id for e in few] == [e.item.id for e in many][:2]
    for excerpt in many:
        assert excerpt.item.split == "test" and excerpt.item.instruments != ("drums",)
        assert excerpt.item.sounding(excerpt.start, excerpt.start + SECONDS)
        assert excerpt.references["self"].id == excerpt.item.id
        assert excerpt.prompts["without"] in excerpt.prompts["with"]
        assert excerpt.start / 0.32 == pytest.approx(round(excerpt.start / 0.32))
    wider = choose(tiny_data, "test", 5, SECONDS, ("self",), 0.64)
    assert [e.start for e in wider] != [e.start for e in many]
    assert all(e.start / 0.64 == pytest.approx(round(e.start / 0.64)) for e in wider)

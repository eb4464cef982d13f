"""What is played for the table is kept: by what decides it, found again, shared out, and never mixed up."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from support.tiny_models import SECONDS

from dataset_builder.errors import UserError
from dataset_builder.runtime.shards import Shard
from orchestrator_solver import cli
from orchestrator_solver.commands import evaluate as evaluate_command
from orchestrator_solver.evaluation.excerpts import choose
from orchestrator_solver.evaluation.players import ModelPlayer
from orchestrator_solver.evaluation.run import Evaluation, EvaluationSettings, evaluate
from orchestrator_solver.evaluation.table_formats import to_json
from orchestrator_solver.evaluation.takes import Takes
from orchestrator_solver.generation.model import OrchestratorModel, load_model
from orchestrator_solver.generation.orchestrate import orchestrate
from orchestrator_solver.generation.sampling import SamplingSettings
from orchestrator_solver.workflows.shared_evaluation import Recipe, run_shared


@pytest.fixture(scope="module")
def model(tiny_models: Path) -> OrchestratorModel:
    return load_model(str(tiny_models))


@pytest.fixture
def settings(tiny_data: Path, tmp_path: Path) -> EvaluationSettings:
    return EvaluationSettings(tiny_data, tmp_path / "a", count=5, seconds=SECONDS, policies=("stem",), metrics=("sim",))


def play_nothing(*args: object, **kwargs: object) -> None:
    raise AssertionError("played again")


def numbers(table: object) -> Mapping:
    return {name: value for name, value in to_json(table).items() if name != "about"}  # type: ignore[arg-type]


def test_another_metric_costs_no_playing(
    model: OrchestratorModel, settings: EvaluationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate({"finetuned": model}, settings)
    monkeypatch.setattr(OrchestratorModel, "generate", play_nothing)
    table = evaluate({"finetuned": model}, replace(settings, metrics=("sim_soft", "sim")))
    assert [column.name for column in table.columns] == ["sim_soft", "sim"]


def test_other_settings_are_other_takes(
    model: OrchestratorModel, settings: EvaluationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate({"finetuned": model}, settings)
    monkeypatch.setattr(OrchestratorModel, "generate", play_nothing)
    for change in ({"sampling": SamplingSettings(guidance=1.0)}, {"takes": 2}, {"policies": ("self",)}):
        with pytest.raises(AssertionError, match="played again"):
            evaluate({"finetuned": model}, replace(settings, **change))  # type: ignore[arg-type]
    evaluate({"finetuned": model}, replace(settings, sampling=SamplingSettings(seed=7)))  # seeds are the excerpts'


def test_shards_and_a_stop_end_in_the_same_table(
    model: OrchestratorModel, settings: EvaluationSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = replace(settings, batch=2)
    whole = numbers(evaluate({"finetuned": model}, settings))
    shared = replace(settings, out=tmp_path / "b")
    for index in (2, 3, 1):
        Evaluation({"finetuned": model}, shared).run(Shard(index, 3))
    with monkeypatch.context() as patch:
        patch.setattr(OrchestratorModel, "generate", play_nothing)
        assert numbers(evaluate({"finetuned": model}, shared)) == whole
    stopped, played, generate = replace(settings, out=tmp_path / "c"), [], OrchestratorModel.generate

    def break_off(*args, **kwargs):
        played.append(1)
        if len(played) == 3:
            raise KeyboardInterrupt
        return generate(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(OrchestratorModel, "generate", break_off)
        with pytest.raises(KeyboardInterrupt):
            evaluate({"finetuned": model}, stopped)
        assert numbers(evaluate({"finetuned": model}, stopped)) == whole
    batches = len(
        [batch for batch in Evaluation({"finetuned": model}, stopped).batches if batch.cell.row == "finetuned"]
    )
    assert len(played) == batches + 1, "one batch was lost"


def test_processes_that_share_the_batches_end_in_the_same_table(
    model: OrchestratorModel, tiny_models: Path, settings: EvaluationSettings, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Two play and score everything, so that this process has only to read."""
    settings = replace(settings, batch=2)
    whole = numbers(evaluate({"finetuned": model}, settings))
    shared = replace(settings, out=tmp_path / "b")
    evaluation = Evaluation({"finetuned": model}, shared)
    recipe = Recipe(str(tiny_models), "none", None, {}, "float32", shared)
    run_shared(recipe, len(evaluation.batches), Shard(1, 1), workers=2)
    monkeypatch.setattr(OrchestratorModel, "generate", play_nothing)
    assert numbers(evaluation.table()) == whole


def test_workers_are_for_the_cpu(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(
        evaluate_command, "placement", lambda device, precision: SimpleNamespace(device=torch.device("cuda"))
    )
    assert cli.main(["evaluate", "--data", "x", "--out", "y", "--workers", "2", "--device", "cuda"]) == 2
    assert "--workers 2 is for the CPU, found cuda: share by --shard" in capsys.readouterr().err


def test_a_take_does_not_depend_on_its_neighbours(tiny_data: Path, model: OrchestratorModel) -> None:
    excerpts = choose(tiny_data, "test", 4, SECONDS, ("stem",), model.grid)
    requests = [excerpt.request(excerpt.reference("stem", model.sample_rate), "with", "stem") for excerpt in excerpts]
    together = orchestrate(model, requests, SamplingSettings(), SECONDS, seeds=[1, 2, 3, 4])
    alone = [orchestrate(model, [one], SamplingSettings(), SECONDS, seeds=[i])[0] for i, one in enumerate(requests, 1)]
    assert all(np.allclose(a.wav, b.wav, atol=1e-5) for a, b in zip(together, alone, strict=True))
    assert [recording.record["seed"] for recording in together] == [1, 2, 3, 4]
    first, same, other = orchestrate(model, requests[:1] * 3, SamplingSettings(), SECONDS, seeds=[1, 1, 2])
    assert np.allclose(first.wav, same.wav, atol=1e-5) and not np.allclose(first.wav, other.wav, atol=1e-4)


def test_takes_are_heard_as_they_are_kept(tiny_data: Path, model: OrchestratorModel, tmp_path: Path) -> None:
    excerpts = choose(tiny_data, "test", 2, SECONDS, ("stem",), model.grid)
    requests = [excerpt.request(excerpt.reference("stem", model.sample_rate), "with", "stem") for excerpt in excerpts]
    takes = Takes(tmp_path)
    played = ModelPlayer(model, SamplingSettings(), takes)(excerpts, "stem", requests)
    kept = takes.read(played.names)
    assert kept and all(map(np.array_equal, kept, played.wavs))
    assert len(set(played.names)) == 2 and takes.read(["0" * 64]) is None
    takes.path(played.names[0]).write_bytes(b"fLaC torn")
    with pytest.raises(UserError, match=r"is no whole take .*: remove it, and it is played again"):
        takes.read(played.names)


def test_the_list_of_excerpts_stands_beside_the_table(model: OrchestratorModel, settings: EvaluationSettings) -> None:
    import json

    table = evaluate({"finetuned": model}, settings)
    listed = json.loads((settings.out / "excerpts.json").read_text())
    assert {(one["item"], one["start"]) for one in listed} == {(clip.item, clip.start) for clip in table.clips}
    assert set(listed[0]["references"]) == {"stem"} and "with" in listed[0]["prompts"]["stem"]
    fallen = sum(one["references"]["stem"] == one["item"] for one in listed)
    assert table.about["no reference for policy stem, so the target itself"] == fallen


def test_descriptions_of_the_reference_are_what_a_user_has(tiny_data: Path) -> None:
    (target, *_), (reference, *_) = (
        choose(tiny_data, "test", 5, SECONDS, ("stem",), 0.32, described=which) for which in ("target", "reference")
    )
    assert target.description("with", "stem").text == target.item.description
    assert reference.description("with", "stem").text == reference.references["stem"].description
    assert reference.description("without", "stem").text is None

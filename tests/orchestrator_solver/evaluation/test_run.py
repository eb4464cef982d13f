"""Table 1 with tiny models: every row is there, and a second run plays nothing again."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from support.echo_model import EchoModel
from support.tiny_models import SECONDS

from dataset_builder.errors import UserError
from dataset_builder.seeds import seed_of
from orchestrator_solver import cli
from orchestrator_solver.evaluation.excerpts import choose
from orchestrator_solver.evaluation.players import ModelPlayer, OtherWork, TheTarget, ThroughCodec
from orchestrator_solver.evaluation.rows import ANCHORS
from orchestrator_solver.evaluation.run import EvaluationSettings, evaluate
from orchestrator_solver.generation.model import OrchestratorModel, load_model
from orchestrator_solver.generation.orchestrate import orchestrate
from orchestrator_solver.generation.sampling import SamplingSettings


@pytest.fixture(scope="module")
def models(tiny_models: Path) -> Mapping[str, OrchestratorModel]:
    model = load_model(str(tiny_models))
    return {"baseline": model, "finetuned": model}


@pytest.fixture
def settings(tiny_data: Path, tmp_path: Path) -> EvaluationSettings:
    return EvaluationSettings(tiny_data, tmp_path, count=5, seconds=SECONDS, metrics=("sim",))


def play_nothing(*args: object, **kwargs: object) -> None:
    raise AssertionError("what was scored before is played again")


def test_rows_and_resuming(
    models: Mapping[str, OrchestratorModel], settings: EvaluationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = evaluate(models, settings)
    found = {(line.row, line.prompting, line.policy) for line in table.lines}
    expected = {
        (row, prompting, policy)
        for policy in ("self", "stem")
        for row, promptings in {
            "baseline": ("without", "with"), "finetuned": ("without", "with"),
            **dict.fromkeys(ANCHORS, ("",)),
        }.items()
        for prompting in promptings
    }  # fmt: skip
    assert found == expected
    monkeypatch.setattr(OrchestratorModel, "generate", play_nothing)
    assert evaluate(models, settings).lines == table.lines


def test_other_settings_do_not_meet_old_scores(
    models: Mapping[str, OrchestratorModel], settings: EvaluationSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluate(models, settings)
    monkeypatch.setattr(OrchestratorModel, "generate", play_nothing)
    with pytest.raises(AssertionError, match="played again"):
        evaluate(models, replace(settings, sampling=SamplingSettings(guidance=1.0)))


def test_excerpts_longer_than_any_item_are_one_line(
    models: Mapping[str, OrchestratorModel], settings: EvaluationSettings
) -> None:
    with pytest.raises(UserError, match=r"no item of test has a pitched instrument and lasts 60 s: .*--seconds"):
        evaluate(models, replace(settings, seconds=60.0))


def test_models_of_two_rates_are_not_compared(settings: EvaluationSettings) -> None:
    """Nor scored at the wrong rate, as the first one's."""

    class Brighter(EchoModel):
        sample_rate = 32_000

    with pytest.raises(UserError, match=r"echo \(rate 16000 Hz.*and echo \(rate 32000 Hz.*: expected baseline and"):
        evaluate({"baseline": EchoModel(), "finetuned": Brighter()}, settings)


def test_a_row_is_what_orchestrate_plays(tiny_data: Path, models: Mapping[str, OrchestratorModel]) -> None:
    model = models["baseline"]
    excerpts = choose(tiny_data, "test", 2, SECONDS, ("stem",), model.grid)
    requests = [excerpt.request(excerpt.reference("stem", model.sample_rate), "with", "stem") for excerpt in excerpts]
    seeds = [seed_of(excerpt.item.id, "stem", "0") % 2**31 for excerpt in excerpts]
    recordings = orchestrate(model, requests, SamplingSettings(), SECONDS, seeds=seeds)
    row = ModelPlayer(model, SamplingSettings())(excerpts, "stem", requests).wavs
    for wav, recording, excerpt in zip(row, recordings, excerpts, strict=True):
        assert np.array_equal(wav, recording.wav)
        assert recording.record["prompt"] == excerpt.prompts("stem")["with"]


def test_anchors_are_targets(tiny_data: Path, models: Mapping[str, OrchestratorModel]) -> None:
    """One work alone has no other: its own targets stand there."""
    model = models["baseline"]
    excerpts = choose(tiny_data, "test", 2, SECONDS, ("self",), model.grid)
    targets = [excerpt.target(model.sample_rate) for excerpt in excerpts]
    chance = OtherWork(excerpts, model.sample_rate)(excerpts, "self", [], 0).wavs
    assert all(np.array_equal(wav, target) for wav, target in zip(chance, targets, strict=True))
    assert all(map(np.array_equal, TheTarget(model.sample_rate)(excerpts, "self", [], 0).wavs, targets))
    ceiling = ThroughCodec(model.codec)(excerpts, "self", [], 0).wavs
    assert [wav.shape for wav in ceiling] == [target.shape for target in targets]
    assert not np.array_equal(ceiling[0], targets[0])


def test_excerpts_are_fixed_and_sound(tiny_data: Path) -> None:
    few = choose(tiny_data, "test", 2, SECONDS, ("self", "stem"), 0.32)
    many = choose(tiny_data, "test", 5, SECONDS, ("self", "stem"), 0.32)
    assert [e.item.id for e in few] == [e.item.id for e in many][:2]
    for excerpt in many:
        assert excerpt.item.split == "test" and excerpt.item.instruments != ("drums",)
        assert excerpt.sounding == excerpt.instruments
        assert excerpt.references["self"].id == excerpt.item.id
        assert excerpt.prompts("self")["without"] in excerpt.prompts("self")["with"]
        assert excerpt.start / 0.32 == pytest.approx(round(excerpt.start / 0.32))
    wider = choose(tiny_data, "test", 5, SECONDS, ("self",), 0.64)
    assert [e.start for e in wider] != [e.start for e in many]
    assert all(e.start / 0.64 == pytest.approx(round(e.start / 0.64)) for e in wider)


@pytest.mark.parametrize(
    ("metrics", "line"),
    [("sim,nope", "unknown metric nope: expected one of offline, paper, sim, "),
     ("", "unknown metric : expected one of"), ("clap", "clap")],
)  # fmt: skip
def test_metrics_are_chosen_and_what_one_lacks_is_told_first(
    tmp_path: Path, metrics: str, line: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator_solver.generation.model.load_model", play_nothing)
    assert cli.main(["evaluate", "--data", str(tmp_path), "--out", str(tmp_path), "--metrics", metrics]) == 2
    (said,) = capsys.readouterr().err.splitlines()
    assert said.startswith("error: ") and line in said.lower()

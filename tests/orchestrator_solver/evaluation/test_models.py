"""Which models fill the table's rows, from the names that a user gives."""

import pytest
import torch
from support.echo_model import EchoModel

from dataset_builder.errors import UserError
from orchestrator_solver.evaluation.models import load_rows
from orchestrator_solver.runtime.placement import Placement

CPU = Placement(torch.device("cpu"), torch.float32)


@pytest.fixture(autouse=True)
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the models that were asked for; `mine` says that it was fine-tuned from `before`."""
    names: list[str] = []

    def load_model(name: str, where: Placement) -> EchoModel:
        names.append(name)
        model = EchoModel()
        model.name, model.facts = name, {"baseline": "before"} if name == "mine" else {}
        return model

    monkeypatch.setattr("orchestrator_solver.evaluation.models.load_model", load_model)
    return names


def names_of(*words: object, others: dict[str, str] | None = None) -> dict[str, str]:
    return {row: model.name for row, model in load_rows(*words, others or {}, CPU).items()}  # type: ignore[arg-type]


def test_the_baseline_is_what_a_model_was_fine_tuned_from() -> None:
    assert names_of("mine", None, None) == {"baseline": "before", "finetuned": "mine"}
    assert names_of("mine", "another", None) == {"baseline": "another", "finetuned": "mine"}
    assert names_of("mine", "none", None) == {"finetuned": "mine"}
    assert names_of("facebook/musicgen-melody", None, None) == {"finetuned": "facebook/musicgen-melody"}


def test_rows_come_in_the_tables_order() -> None:
    found = names_of("mine", None, "longer", others={"guided": "x", "LoRA 4": "y"})
    assert list(found) == ["baseline", "control", "finetuned", "guided", "LoRA 4"]
    assert found["control"] == "longer" and found["LoRA 4"] == "y"


@pytest.mark.parametrize("row", ["finetuned", "target", "random"])
def test_a_row_of_the_tables_own_is_not_given_twice(row: str, loaded: list[str]) -> None:
    with pytest.raises(UserError, match=f"--other {row}=...: the table has a row of this name"):
        names_of("mine", None, None, others={row: "x"})
    assert not loaded, "told before anything is loaded"

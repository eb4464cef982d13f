"""Mistakes in the overrides of `dora run`."""

from copy import deepcopy

import hydra
import pytest
from omegaconf import DictConfig, OmegaConf

from dataset_builder.errors import UserError
from orchestrator_solver import train
from orchestrator_solver.configuration.overrides import require_types, settings_of


@pytest.mark.parametrize(
    ("override", "line"),
    [
        ("optm.epochs=3", "no setting 'optm.epochs': did you mean optim.epochs"),
        ("zzz=1", "no setting 'zzz': expected one of those in config/"),
        ("+optim.micro_batchs=2", "no setting 'optim.micro_batchs': did you mean optim.micro_batch?"),
        ("+orchestrator.stores=true", "no setting 'orchestrator.stores': did you mean orchestrator.store, "),
        ("+stor=true", "no setting 'stor': "),
        ("solver=nano", "Could not find 'solver/nano' Available options in 'solver': "),
        ("optim.epochs=many", "optim.epochs=many: expected a number, such as "),
        ("logging.log_wandb=perhaps", "logging.log_wandb=perhaps: expected true or false, such as "),
        ("epochs", "Argument epochs does not contain ="),
        ("optim=3", "Wrong type for optim"),
        ("optim.epochs={", "no viable alternative at input '{'"),
    ],
)
def test_a_mistake_is_one_line(override: str, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        train.main.get_xp(["solver=orchestrator_nano", override])
    (printed,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 2 and printed.startswith("error: ") and line in printed


def test_overrides_that_are_right() -> None:
    """A number for a number, a word for a word, null for either; an option more for the optimizer."""
    changed = ["optim.lr=1e-4", "device=cpu", "optim.updates_per_epoch=null", "+optim.adam.amsgrad=true"]
    xp = train.main.get_xp(["solver=orchestrator_nano", *changed])
    assert xp.cfg.optim.lr == 1e-4 and xp.cfg.optim.updates_per_epoch is None


def test_what_dora_asks_for_again_is_composed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And each time it is a copy of one's own."""
    program, asked, composed = deepcopy(train.main), [], hydra.compose

    def counted(name: str, overrides: list[str]) -> DictConfig:
        asked.append(tuple(overrides))
        return composed(name, overrides)

    monkeypatch.setattr("dora.hydra.compose", counted)
    wanted = ["solver=orchestrator_nano", "optim.epochs=3"]
    first = program.get_xp(wanted)
    first.cfg.optim.epochs = 7
    again = program.get_xp(wanted)
    assert again.cfg.optim.epochs == 3 and again.sig == first.sig == train.main.get_xp(wanted).sig
    assert asked and len(asked) == len(set(asked))


def test_an_interpolation_may_stand_for_a_number() -> None:
    base = OmegaConf.create({"optim": {"epochs": 3, "name": "adam"}, "none": {}})
    require_types(base, OmegaConf.create({"optim": {"epochs": "${other}", "name": "sgd"}, "none": {}}))
    with pytest.raises(UserError, match=r"optim\.epochs=three: expected a number, such as 3"):
        require_types(base, OmegaConf.create({"optim": {"epochs": "three"}}))
    assert settings_of(base) == ["optim.epochs", "optim.name", "none"]

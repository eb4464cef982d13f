"""What sharded training refuses before it starts."""

from pathlib import Path

import flashy
import pytest
from omegaconf import DictConfig, OmegaConf

from dataset_builder.errors import UserError
from orchestrator_solver.runtime.fsdp import check


def _cfg(use: bool = True, rank: int = 0, micro_batch: str | None = None, autocast: bool = False) -> DictConfig:
    optim, lora = {"micro_batch": micro_batch}, {"rank": rank}
    return OmegaConf.create({"fsdp": {"use": use}, "lora": lora, "optim": optim, "autocast": autocast})


@pytest.fixture
def two_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this process were one of two."""
    monkeypatch.setattr(flashy.distrib, "world_size", lambda: 2)


def test_one_process_has_nobody_to_share_with(tmp_path: Path) -> None:
    check(_cfg(use=False), tmp_path)
    with pytest.raises(UserError, match="this run has one: add -d"):
        check(_cfg(), tmp_path)


@pytest.mark.usefixtures("two_workers")
@pytest.mark.parametrize(
    ("setting", "name"),
    [({"rank": 4}, "lora.rank"), ({"micro_batch": "auto"}, "micro_batch"), ({"autocast": True}, "autocast")],
)
def test_what_does_not_go_with_it(tmp_path: Path, setting: dict, name: str) -> None:
    with pytest.raises(UserError, match=f"{name} does not go with fsdp.use=true"):
        check(_cfg(**setting), tmp_path)


@pytest.mark.usefixtures("two_workers")
def test_parts_of_another_number_of_processes(tmp_path: Path) -> None:
    check(_cfg(), tmp_path)
    for name in ("checkpoint.th", "checkpoint.th.1", "checkpoint_3.th", "checkpoint.th.tmp"):
        (tmp_path / name).touch()
    check(_cfg(), tmp_path)
    (tmp_path / "checkpoint.th.2").touch()
    with pytest.raises(UserError, match="in 3 parts, and this run has 2 processes: start it with 3"):
        check(_cfg(), tmp_path)

"""Every solver's configuration composes, and says what the design promises."""

from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf

CONFIG = Path(__file__).parent.parent / "config"
SOLVERS = sorted(path.stem for path in (CONFIG / "solver").glob("*.yaml") if path.stem not in ("orchestrator_base",))


def _compose(*overrides: str) -> DictConfig:
    with initialize_config_dir(str(CONFIG), version_base="1.1"):
        return compose("config", list(overrides))


@pytest.mark.parametrize("solver", SOLVERS)
def test_solvers_compose(solver: str) -> None:
    cfg = _compose(f"solver={solver}")
    OmegaConf.to_container(cfg, resolve=True, throw_on_missing=True)


@pytest.mark.parametrize("scale", ["nano", "small", "medium", "large"])
def test_model_scales(scale: str) -> None:
    cfg = _compose("solver=orchestrator", f"model/lm/model_scale@_global_={scale}")
    assert cfg.transformer_lm.dim % cfg.transformer_lm.num_heads == 0


def test_the_papers_run() -> None:
    cfg = _compose("solver=orchestrator")
    assert cfg.continue_from == "//pretrained/facebook/musicgen-melody"
    assert (cfg.optim.optimizer, cfg.optim.lr, cfg.optim.epochs) == ("dadam", 1, 25)
    assert cfg.schedule.lr_scheduler == "cosine" and cfg.transformer_lm.num_layers == 48


def test_leaves_are_short() -> None:
    for path in CONFIG.rglob("*.yaml"):
        assert len(path.read_text().splitlines()) <= 70, path


def test_the_papers_reference() -> None:
    cfg = _compose("solver=orchestrator")
    assert dict(cfg.orchestrator.reference) == {"self": 1.0, "stem": 0.0, "any": 0.0}

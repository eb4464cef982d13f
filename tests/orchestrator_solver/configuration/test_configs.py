"""Every solver's configuration composes, and says what the design promises."""

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig, OmegaConf
from support.hub_cache import LM_YAML

from orchestrator_solver.data.excerpt_sampling import ExcerptSampling
from orchestrator_solver.paths import PROJECT

CONFIG = PROJECT / "config"
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
    assert cfg.optim.updates_per_epoch is None and cfg.dataset.train.num_samples is None, "an epoch is the set"
    assert cfg.orchestrator.draw == "items" and cfg.classifier_free_guidance.training_dropout == 0.2
    assert cfg.conditioners.self_wav.chroma_stem.sample_rate == cfg.sample_rate == 32_000


def test_the_papers_model_is_the_published_one() -> None:
    """What the run builds has the shapes of what audiocraft published, whose configuration the hub's test copy has."""
    ours = _compose("solver=orchestrator")
    published = OmegaConf.create(LM_YAML.replace("LAYERS", "48"))
    memory_alone = {"checkpointing", "two_step_cfg"}
    for key in published.transformer_lm.keys() - memory_alone:
        assert ours.transformer_lm[key] == published.transformer_lm[key], key
    for key in ("fuser", "codebooks_pattern", "classifier_free_guidance"):
        assert OmegaConf.to_container(ours[key]) == OmegaConf.to_container(published[key]), key
    assert ours.dataset.segment_duration == published.dataset.segment_duration


@pytest.mark.parametrize(("solver", "seconds"), [("orchestrator", 0.64), ("orchestrator_nano", 0.32)])
def test_excerpts_start_on_frames_of_codec_and_chroma(solver: str, seconds: float) -> None:
    cfg = _compose(f"solver={solver}")
    chroma = cfg.conditioners.self_wav[cfg.conditioners.self_wav.model]
    grid = ExcerptSampling.from_config(cfg).grid
    assert grid == seconds
    for rate in (cfg.codec_frame_rate, cfg.sample_rate / 2 ** (chroma.radix2_exp - 2)):
        assert (grid * rate) == pytest.approx(round(grid * rate), abs=1e-9)


@pytest.mark.parametrize("optimizer", ["adamw", "adam", "dadam"])
def test_optimizers_are_one_override(optimizer: str) -> None:
    assert _compose("solver=orchestrator", f"optim.optimizer={optimizer}").optim.optimizer == optimizer


def test_leaves_are_short() -> None:
    for path in CONFIG.rglob("*.yaml"):
        assert len(path.read_text().splitlines()) <= 70, path


def test_the_papers_reference() -> None:
    cfg = _compose("solver=orchestrator")
    assert dict(cfg.orchestrator.reference) == {"self": 1.0, "stem": 0.0, "any": 0.0, "apart": 0.0}

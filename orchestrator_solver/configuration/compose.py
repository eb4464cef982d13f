"""The configuration of a run, as `dora run` would compose it."""

from pathlib import Path

from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from dataset_builder.errors import UserError

from ..paths import PROJECT
from .overrides import MISTAKES, mistake


def composed(overrides: list[str]) -> DictConfig:
    """The configuration of a run with these overrides, as `dora run` would compose it here.

    Raises:
        UserError: if there is no such configuration.
    """
    try:
        with initialize_config_dir(str(PROJECT / "config"), version_base="1.1"):
            cfg = compose("config", overrides)
    except MISTAKES as error:
        raise UserError(f"no configuration with {' '.join(overrides)}: {mistake(error)}") from error
    for stage, path in cfg.datasource.items():
        if isinstance(path, str):
            cfg.datasource[stage] = str(Path(path).absolute())
    return cfg

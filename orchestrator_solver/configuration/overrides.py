"""Configurations composed of overrides: a mistake in one is a line that names the cure, not Hydra's traceback."""

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

from dora import XP
from dora.conf import SlurmConfig, update_from_hydra
from dora.hydra import HydraMain
from hydra import compose, initialize_config_dir
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rapidfuzz import process

from dataset_builder.errors import UserError

from ..paths import PROJECT

# Dora asserts that an argument holds "=", and that a section stays one.
MISTAKES = (HydraException, OmegaConfBaseException, AssertionError)
_NEAR = 80  # of 100: how alike two names of settings are
# Sections whose keys are all read by this project: one that is added (`+optim.micro_batchs=2`) would do nothing.
_CLOSED = ("orchestrator.", "lora.", "optim.", "checkpoint.", "logging.")
_OPEN = ("optim.adam.",)  # handed to the optimizer, which refuses what it does not know


@dataclass
class SlurmSettings(SlurmConfig):
    """Dora's settings of jobs, and two that `orchestrator_solver.seams.slurm_jobs` sees to.

    Attributes:
        nodes: that share the GPUs equally; None for nodes of 8.
        notice: seconds before its end that a job is told to save.
    """

    nodes: int | None = None
    notice: int = 90


class OneLineMain(HydraMain):
    """Dora's entry point of a program that Hydra configures."""

    def _get_config_noinit(self, overrides: list[str] = []) -> DictConfig:  # noqa: B006 - Dora's own default
        """As Dora has it, but composed once: for one run Dora asks a dozen times for the same few."""
        composed: dict[tuple[str, ...], DictConfig] = self.__dict__.setdefault("_composed", {})
        key = tuple(overrides)
        if key not in composed:
            composed[key] = super()._get_config_noinit(list(overrides))
        return deepcopy(composed[key])

    def get_xp(self, argv: Sequence[str]) -> XP:
        """The experiment of these overrides; ends the program with code 2 if there is a mistake in them."""
        try:
            xp = super().get_xp(argv)
            base = self._get_base_config(list(argv))[0]
            require_known(base, xp.cfg)
            require_types(base, xp.cfg)
        except MISTAKES as error:
            sys.exit(_told(mistake(error, self._known(argv))))
        except UserError as error:
            sys.exit(_told(str(error)))
        return xp

    def get_slurm_config(self) -> SlurmSettings:
        """What jobs ask for, unless a grid says otherwise."""
        settings = SlurmSettings()
        update_from_hydra(settings, self._base_cfg.slurm)
        return settings

    def _known(self, argv: Sequence[str]) -> list[str]:
        """The settings of the solver that is asked for, or of the default one if there is none of that name."""
        try:
            return settings_of(self._get_base_config(list(argv))[0])
        except MISTAKES:
            return settings_of(self._base_cfg)


def _told(line: str) -> int:
    print(f"error: {line}", file=sys.stderr)
    return 2


def entry_point(config_path: str, config_name: str) -> Callable[[Callable[[DictConfig], None]], OneLineMain]:
    """What `dora.hydra_main` is, with `OneLineMain`."""
    return lambda main: OneLineMain(main, config_name, config_path, version_base="1.1")


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


def mistake(error: Exception, known: Sequence[str] = ()) -> str:
    """In one line: what is wrong with an override.

    Args:
        error: one of `MISTAKES`.
        known: names of settings, see `settings_of`.
    """
    said = " ".join(str(error).partition("Config search path")[0].split())
    if found := re.match(r"Could not override '([^']+)'", said):
        return _no_setting(found[1], known)
    return said


def _no_setting(name: str, known: Sequence[str]) -> str:
    near = [found for found, _, _ in process.extract(name, known, score_cutoff=_NEAR, limit=3)]
    hint = f"did you mean {', '.join(near)}?" if near else "expected one of those in config/"
    return f"no setting {name!r}: {hint}"


def settings_of(cfg: DictConfig) -> list[str]:
    """The names of all settings, as overrides call them (`optim.epochs`)."""
    return [name for name, _ in leaves(OmegaConf.to_container(cfg, resolve=False))]


def require_known(base: DictConfig, cfg: DictConfig) -> None:
    """Stop at a setting that was added where nobody would read it.

    Raises:
        UserError: naming the setting, and the nearest ones that are read.
    """
    known = settings_of(base)
    for name in settings_of(cfg):
        ours = name.startswith(_CLOSED) and not name.startswith(_OPEN)
        if (ours or "." not in name) and name not in known:
            raise UserError(_no_setting(name, known))


def require_types(base: DictConfig, cfg: DictConfig) -> None:
    """Stop where a number, or yes or no, was replaced by a word.

    Raises:
        UserError: naming the setting, what it is and what was expected.
    """
    values = dict(leaves(OmegaConf.to_container(cfg, resolve=False)))
    for name, default in leaves(OmegaConf.to_container(base, resolve=False)):
        value = values.get(name)
        if isinstance(default, bool | int | float) and isinstance(value, str) and "${" not in value:
            kind = "true or false" if isinstance(default, bool) else "a number"
            raise UserError(f"{name}={value}: expected {kind}, such as {str(default).lower()}")


def leaves(tree: object, above: str = "") -> Iterator[tuple[str, object]]:
    """Names and values of all settings in nested mappings; an empty section is a value."""
    if isinstance(tree, dict) and (tree or not above):
        for key, value in tree.items():
            yield from leaves(value, f"{above}.{key}" if above else str(key))
    else:
        yield above, tree

"""The configuration that a run began with, kept in its folder.

Dora signs a run by its overrides, so that after an edit of `config/` the same signature would go on as another run.
"""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import flashy
from omegaconf import DictConfig, OmegaConf

from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic
from dataset_builder.runtime.checksums import digest_of

from ..paths import PROJECT
from .overrides import leaves

logger = logging.getLogger(__name__)

RECORD = "configuration.json"  # in the run's folder
SETTING = "on_changed_config"
POLICIES = ("stop", "take", "keep")
# Beside `dora.exclude`, these may differ where a run goes on: where things lie on this machine, and what computes.
_OF_THE_MACHINE = ("dora.*", "dset_root", "cache.path", "*num_workers", "*device")
_TOLD = 20  # differences


@dataclass(frozen=True)
class Frozen:
    """What a run was composed to.

    Attributes:
        settings: all of them, interpolations as they are written.
        files: SHA-256 of each file of `config/`, by its path in the project.
    """

    settings: dict[str, Any]
    files: dict[str, str]

    @classmethod
    def of(cls, cfg: DictConfig, folder: Path) -> "Frozen":
        """What `cfg` is, and the YAML files below `folder` are, now."""
        settings = OmegaConf.to_container(cfg, resolve=False)
        assert isinstance(settings, dict)
        paths = sorted(folder.rglob("*.yaml"))
        files = {path.relative_to(folder.parent).as_posix(): digest_of(path) for path in paths}
        return cls({str(name): value for name, value in settings.items()}, files)

    @classmethod
    def read(cls, path: Path) -> "Frozen":
        """What was written.

        Raises:
            UserError: if it is no record.
        """
        try:
            return cls(**json.loads(path.read_text()))
        except (ValueError, TypeError) as error:
            raise UserError(
                f"{path} is no record of a run's configuration ({error}): remove it to take this one"
            ) from error

    def differences(self, now: "Frozen", ignored: Callable[[str], bool]) -> list[str]:
        """A line for each setting that is another now."""
        old, new = dict(leaves(self.settings)), dict(leaves(now.settings))
        names = [name for name in {**old, **new} if not ignored(name)]
        changed = [name for name in names if name not in old or name not in new or old[name] != new[name]]
        return [f"{name}: {_shown(old, name)} -> {_shown(new, name)}" for name in changed]

    def changed_files(self, now: "Frozen") -> list[str]:
        """The files that are others now, came or went."""
        return sorted(name for name in {**self.files, **now.files} if self.files.get(name) != now.files.get(name))


def settled(cfg: DictConfig, folder: Path, *, begins: bool, yaml_folder: Path = PROJECT / "config") -> DictConfig:
    """The configuration that a run is to have; of the processes of one run, the first decides for all.

    What a run begins with is recorded. Where it goes on with others, `on_changed_config` says what is done: `stop`,
    `take` the present ones and record them, or `keep` those that it began with.

    Args:
        cfg: as composed now.
        folder: of the run, whose checkpoint says whether it has begun.
        begins: whether it is to be trained; otherwise nothing is recorded.
        yaml_folder: what `cfg` was composed of.

    Raises:
        UserError: in each process, if the settings are others and it is to stop.
    """
    settings, refused = None, None
    if flashy.distrib.is_rank_zero():
        try:
            settings = _decided(cfg, folder, begins, yaml_folder)
        except UserError as error:
            refused = str(error)
    settings, refused = flashy.distrib.broadcast_object((settings, refused))
    if refused:
        raise UserError(refused)
    if settings is None:
        return cfg
    kept = OmegaConf.create(settings)
    OmegaConf.set_struct(kept, True)  # as Hydra's own
    return kept


def _decided(cfg: DictConfig, folder: Path, begins: bool, yaml_folder: Path) -> dict[str, Any] | None:
    """Settings that replace the present ones, or None."""
    policy = cfg[SETTING]
    if policy not in POLICIES:
        raise UserError(f"unknown {SETTING}={policy}: expected {', '.join(POLICIES)}")
    now, began = Frozen.of(cfg, yaml_folder), _began(folder)
    found = began.differences(now, lambda name: _ignored(name, cfg.dora.exclude)) if began else []
    if began and found:
        if policy == "stop":
            raise UserError(_refusal(folder.name, found, began.changed_files(now)))
        logger.warning("Settings changed since this run began (%s=%s): %s", SETTING, policy, "; ".join(found))
        if policy == "keep":
            return _kept(began, now, cfg.dora.exclude)
    if begins and (found or not began):
        atomic.write_json(folder / RECORD, asdict(now))
    return None


def _began(folder: Path) -> Frozen | None:
    """What a run began with; None before its first checkpoint, up to which nothing would be lost."""
    if not (folder / "checkpoint.th").is_file():
        return None
    if not (folder / RECORD).is_file():
        logger.warning("This run has no record of the configuration that it began with: it is taken as it is now")
        return None
    return Frozen.read(folder / RECORD)


def _ignored(name: str, excluded: list[str]) -> bool:
    return any(fnmatch(name, pattern) for pattern in (*excluded, *_OF_THE_MACHINE))


def _kept(began: Frozen, now: Frozen, excluded: list[str]) -> dict[str, Any]:
    """What a run began with, but for what may differ, which is as it is now."""
    cfg = OmegaConf.create(began.settings)
    for name, value in leaves(now.settings):
        if _ignored(name, excluded):
            OmegaConf.update(cfg, name, value)
    settings = OmegaConf.to_container(cfg, resolve=False)
    assert isinstance(settings, dict)
    return {str(name): value for name, value in settings.items()}


def _refusal(sig: str, found: list[str], files: list[str]) -> str:
    more = f"; and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
    since = f" ({', '.join(files)} changed since)" if files else ""
    return (
        f"run {sig} began with other settings: {'; '.join(found[:_TOLD])}{more}{since}; undo that, or add "
        f"{SETTING}=keep to go on with those of then, {SETTING}=take for these from now on, or label=NAME for a new run"
    )


def _shown(values: Mapping[str, Any], name: str) -> str:
    return json.dumps(values[name]) if name in values else "(none)"

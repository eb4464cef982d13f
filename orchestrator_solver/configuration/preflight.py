"""What a run lacks, said before anything is built: a GPU, its data, published weights, a key."""

import os
from importlib.util import find_spec
from netrc import NetrcParseError, netrc
from pathlib import Path

import torch
from audiocraft.utils.checkpoint import resolve_checkpoint_path
from dora import get_xp, is_xp
from omegaconf import DictConfig

from dataset_builder.dataset import manifest
from dataset_builder.errors import UserError
from dataset_builder.sources.registry import READERS

from ..data.dataloaders import STAGES
from ..paths import run_folder
from ..runtime import fsdp, gpu
from ..runtime.placement import AUTO, DEVICE
from ..weights import description, hub
from ..weights.published import is_model_folder

ALONE = ("valid", "evaluate", "generate", "prepare")  # what can be executed by itself
WANDB_HOST = "api.wandb.ai"  # the name under which `wandb login` leaves its key


def check(cfg: DictConfig) -> None:
    """Stop if a run could not go on for long.

    Raises:
        UserError: what is missing, where it was looked for, and how to get it.
    """
    if cfg.device == AUTO or not DEVICE.fullmatch(str(cfg.device)):
        raise UserError(f"unknown device={str(cfg.device)[:80]}: expected cpu, cuda, cuda:N or mps")
    if cfg.device.startswith("cuda") and (found := gpu.problem(torch.device(cfg.device).index or 0)):
        raise UserError(f"this run asks for device={cfg.device}, and {found}; or add device=cpu")
    if cfg.execute_only is not None and cfg.execute_only not in ALONE:
        raise UserError(
            f"unknown execute_only={cfg.execute_only}: expected one of {', '.join(ALONE)}, or null for a run"
        )
    for stage in STAGES:
        if cfg.execute_only in (None, stage) and cfg.datasource.get(stage):
            _require_items(cfg, stage)
    if is_xp():
        fsdp.check(cfg, get_xp().folder)
    resumed = is_xp() and (get_xp().folder / "checkpoint.th").is_file()
    for name in ("continue_from", "compression_model_checkpoint")[resumed:]:
        _require_checkpoint(name, str(cfg.get(name) or ""))
    hub.require_all(cfg, resumed)
    if cfg.logging.log_wandb and not wandb_can_log():
        raise UserError(
            "logging.log_wandb=true, and there is no key of wandb here (WANDB_API_KEY, or what `wandb login` leaves): "
            "log in, or set WANDB_MODE=offline"
        )
    if cfg.logging.log_tensorboard and find_spec("tensorboard") is None:
        raise UserError(
            "logging.log_tensorboard=true, and tensorboard is not installed here: pip install tensorboard, or set "
            "it to false"
        )


def _require_items(cfg: DictConfig, stage: str) -> None:
    """Stop if the split that a stage reads is not there or empty."""
    root, split = manifest.place_of(cfg.datasource[stage])
    if not manifest.read_split(root, split):
        raise UserError(
            f"{root} has no items in {split}, which the stage {stage} reads: "
            f"{READERS[manifest.reader_of(root)].split_cure}, and build it again; or name a split that has some "
            f"(datasource.{stage}={root}/egs/SPLIT)"
        )


def _require_checkpoint(setting: str, name: str) -> None:
    """Stop if a run's signature or a path names no checkpoint; what is `//pretrained/` is looked at elsewhere."""
    if not name or name.startswith(description.PREFIX):
        return
    if description.folder_of(name) or is_model_folder(Path(name)):
        raise UserError(f"{setting}={name} is an exported model: write {description.PREFIX}{name}")
    if resolve_checkpoint_path(name) is None:
        raise UserError(
            f"{setting}={name}: no checkpoint there (runs are in {run_folder()}); expected //sig/SIGNATURE of a "
            f"run that finished an epoch, {description.PREFIX}NAME or the path of a checkpoint"
        )


def wandb_can_log() -> bool:
    """Whether wandb would log without asking: it has a key, or needs none."""
    if os.environ.get("WANDB_MODE") in ("offline", "disabled", "dryrun") or os.environ.get("WANDB_API_KEY"):
        return True
    try:
        return netrc().authenticators(WANDB_HOST) is not None
    except (OSError, NetrcParseError):
        return False

"""FSDP as audiocraft uses it, on CPUs too, so that sharded training can be proven without GPUs."""

import re
from pathlib import Path

import flashy
import torch
from audiocraft.modules.conditioners import ConditioningProvider
from audiocraft.modules.transformer import StreamingTransformerLayer
from omegaconf import DictConfig, OmegaConf
from torch import nn

from dataset_builder.errors import UserError

LACKS = {  # of sharded training: what is in the way of each
    "autocast": "which has its own precision, fsdp.param_dtype: add autocast=false",
    "lora.rank": "additions have few states to share: leave fsdp.use out",
    "optim.micro_batch": "its conditions cannot be gone back through at the end: take a smaller dataset.batch_size",
}
BLOCKS: set[type[nn.Module]] = {StreamingTransformerLayer, ConditioningProvider}


def check(cfg: DictConfig, folder: Path) -> None:
    """Stop if a run cannot be sharded.

    Args:
        cfg: of the run.
        folder: of the run, with the checkpoints that it goes on from.

    Raises:
        UserError: for one process, for settings that do not go with it, or parts of another number of processes.
    """
    if not cfg.fsdp.use:
        return
    workers = flashy.distrib.world_size()
    if workers == 1:
        raise UserError("fsdp.use=true shares a model between processes, and this run has one: add -d, or leave it out")
    for name, reason in LACKS.items():
        if OmegaConf.select(cfg, name):
            raise UserError(f"{name} does not go with fsdp.use=true, {reason}")
    parts = len([path for path in folder.glob("checkpoint.th*") if re.fullmatch(r"checkpoint\.th(\.\d+)?", path.name)])
    if parts not in (0, workers):
        raise UserError(
            f"{folder} holds a checkpoint in {parts} parts, and this run has {workers} processes: start it with {parts}"
        )


def shard(cfg: DictConfig, model: nn.Module, device: str) -> nn.Module:
    """A model whose gradients and optimizer states are spread over the run's processes.

    audiocraft's own function does it where there are GPUs. On CPUs torch's FSDP works over gloo, if it is told the
    device and not asked to send the weights round, which is done before.

    Raises:
        UserError: if there is nobody to share with.
    """
    if not torch.distributed.is_initialized():
        raise UserError("fsdp.use=true shares a model between processes, and this run has one: add -d, or leave it out")
    from audiocraft.optim import fsdp  # with torch's FSDP, which brings sympy: runs that are not sharded start without
    from torch.distributed.fsdp import FullyShardedDataParallel, MixedPrecision, ShardingStrategy, StateDictType
    from torch.distributed.fsdp.wrap import ModuleWrapPolicy

    if device != "cpu":
        return fsdp.wrap_with_fsdp(cfg, model)
    flashy.distrib.broadcast_model(model)
    precision = [getattr(torch, cfg[f"{name}_dtype"]) for name in ("param", "reduce", "buffer")]
    wrapped = fsdp._FSDPFixStateDict(
        model, sharding_strategy=ShardingStrategy[cfg.sharding_strategy.upper()],
        mixed_precision=MixedPrecision(*precision), device_id=torch.device("cpu"), use_orig_params=True,
        auto_wrap_policy=ModuleWrapPolicy(BLOCKS) if cfg.per_block else None,
    )  # fmt: skip
    FullyShardedDataParallel.set_state_dict_type(wrapped, StateDictType.LOCAL_STATE_DICT)
    for module in FullyShardedDataParallel.fsdp_modules(wrapped):
        module._fsdp_wrapped_module.__dict__["_fsdp"] = module  # through which audiocraft's models call themselves
    return wrapped

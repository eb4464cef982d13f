"""The optimizers by the name in `optim.optimizer`."""

from collections.abc import Callable, Iterable
from typing import Any

import torch
from audiocraft.solvers import builders
from omegaconf import DictConfig
from torch import nn

from dataset_builder.errors import UserError

from ..runtime.fsdp import own_part
from ..seams import registry
from .d_adaptation import DAdaptAdam


def _prodigy(parameters: Iterable[Any], **options: Any) -> torch.optim.Optimizer:
    """Mishchenko and Defazio 2023, https://arxiv.org/abs/2306.06101; as D-Adaptation, with a faster growing d."""
    from prodigyopt import Prodigy

    return Prodigy(parameters, **options)


def _adamw(parameters: Iterable[Any], **options: Any) -> torch.optim.Optimizer:
    return torch.optim.AdamW(parameters, fused=True, **options)


# adam and adamw want a learning rate of their own, dadam and prodigy find theirs: give them 1.
OPTIMIZERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": _adamw,
    "dadam": DAdaptAdam,
    "prodigy": _prodigy,
}


def get_optimizer(params: nn.Module | Iterable[torch.Tensor], cfg: DictConfig) -> torch.optim.Optimizer:
    """The optimizer of `cfg.optim`.

    Raises:
        UserError: for an unknown name.
    """
    if cfg.optimizer not in OPTIMIZERS:
        raise UserError(f"unknown optimizer {cfg.optimizer!r}, known: {', '.join(OPTIMIZERS)}")
    found = builders.get_optim_parameter_groups(params) if isinstance(params, nn.Module) else list(params)
    groups = [
        {**group, "params": [own_part(parameter) for parameter in group["params"]]}
        if isinstance(group, dict)
        else group
        for group in found
    ]
    return OPTIMIZERS[cfg.optimizer](groups, lr=cfg.lr, **cfg.adam)


def register() -> None:
    """Let audiocraft's solvers build our optimizers."""
    registry.replace("optimizer", get_optimizer)

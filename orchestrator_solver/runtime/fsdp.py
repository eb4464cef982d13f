"""Sharded training: parameters, gradients and an optimizer's states, a part at each of the run's processes.

torch's FSDP2 gathers a layer's parameters when it computes and spreads their gradients. Frozen parameters and those
that LoRA adds may lie side by side. What conditions are computed by is small, is gone through apart from the rest when
a batch is taken in parts, and stays whole everywhere. Optimizers see each process' own parts as plain parameters, and
so need not know.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import flashy
import torch
from audiocraft.models.lm import LMModel
from audiocraft.modules.transformer import StreamingTransformerLayer
from omegaconf import DictConfig
from torch import distributed, nn

from dataset_builder.errors import UserError

# By fsdp.sharding_strategy: whether a layer lets go of the others' parts between going forward and back.
LETS_GO = {"shard_grad_op": False, "full_shard": True}


def check(cfg: DictConfig, folder: Path) -> None:
    """Stop if a run cannot be sharded.

    Args:
        cfg: of the run.
        folder: of the run, with the checkpoint that it goes on from.

    Raises:
        UserError: for settings that do not go with it, or a checkpoint in parts, as they once were.
    """
    if any(part.suffix[1:].isdigit() for part in folder.glob("checkpoint.th.*")):
        raise UserError(
            f"{folder} holds a checkpoint in parts, which an earlier version wrote: go on with that one, or train anew "
            "(--clear)"
        )
    if not cfg.fsdp.use:
        return
    if cfg.fsdp.sharding_strategy not in LETS_GO:
        raise UserError(f"fsdp.sharding_strategy={cfg.fsdp.sharding_strategy}: expected one of {', '.join(LETS_GO)}")
    if cfg.fsdp.buffer_dtype != "float32":
        raise UserError(f"fsdp.buffer_dtype={cfg.fsdp.buffer_dtype}: buffers are not converted, leave it at float32")
    if cfg.optim.optimizer == "prodigy":
        raise UserError("optim.optimizer=prodigy does not go with fsdp.use=true, whose parts it cannot sum: take dadam")


def shard(cfg: DictConfig, model: LMModel, device: str) -> None:
    """Spread a language model's parameters over all processes; one that is alone keeps all, and computes the same.

    Args:
        cfg: `fsdp` of a configuration.
        model: is changed, and stays of its class.
        device: of the run.
    """
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

    if not distributed.is_initialized():
        distributed.init_process_group(store=distributed.HashStore(), rank=0, world_size=1)
    flashy.distrib.broadcast_model(model)
    kinds = [getattr(torch, cfg[f"{name}_dtype"]) for name in ("param", "reduce")]
    how: dict[str, Any] = {
        "mesh": init_device_mesh(torch.device(device).type, (flashy.distrib.world_size(),)),
        "mp_policy": MixedPrecisionPolicy(*kinds), "reshard_after_forward": LETS_GO[cfg.sharding_strategy],
    }  # fmt: skip
    for module in model.modules():
        if cfg.per_block and isinstance(module, StreamingTransformerLayer):
            fully_shard(module, **how)
    fully_shard(model, ignored_params=set(model.condition_provider.parameters()), **how)


@contextmanager
def whole(model: nn.Module) -> Iterator[None]:
    """Have all of a model's parameters here, in full precision, while the block runs: for what reads them itself."""
    modules: list[Any] = list(model.modules())
    for module in modules:
        if hasattr(module, "reshard"):
            module.reshard()  # what a layer has gathered for itself may be in half precision
    kept = [(module, name, one) for module in modules for name, one in module._parameters.items() if is_spread(one)]
    for module, name, parameter in kept:
        module._parameters[name] = nn.Parameter(parameter.detach().full_tensor(), requires_grad=False)
    try:
        yield
    finally:
        for module, name, parameter in kept:
            module._parameters[name] = parameter


def is_spread(value: object) -> bool:
    """Whether this is a tensor of which each process has a part (`DTensor`, whose import takes long)."""
    return hasattr(value, "placements")


def local(value: Any) -> torch.Tensor:
    """What this process has of a tensor."""
    return value.to_local() if is_spread(value) else value


def own_part(parameter: torch.Tensor) -> torch.Tensor:
    """What an optimizer sees of a parameter: this process' part, in the same memory, or a whole one itself."""
    if not is_spread(parameter):
        return parameter
    part = nn.Parameter(local(parameter.detach()), parameter.requires_grad)
    part.whole = parameter  # type: ignore[attr-defined]
    return part


def is_part(parameter: torch.Tensor) -> bool:
    """Whether other processes have other parts of what an optimizer sees."""
    return hasattr(parameter, "whole")


def hand_over_gradients(optimizer: torch.optim.Optimizer) -> None:
    """Move gradients to where the optimizer looks for them, and average those of whole parameters over processes."""
    parameters = list(parameters_of(optimizer))
    for part in filter(is_part, parameters):
        gradient, part.whole.grad = part.whole.grad, None  # type: ignore[attr-defined]
        part.grad = None if gradient is None else local(gradient)
    flashy.distrib.sync_gradients([parameter for parameter in parameters if not is_part(parameter)])


def clip(optimizer: torch.optim.Optimizer, limit: float) -> torch.Tensor:
    """Limit the norm of all gradients together; returns what it was, the same at every process."""
    parameters = [parameter for parameter in parameters_of(optimizer) if parameter.grad is not None]
    squares = _squares(filter(is_part, parameters))
    flashy.distrib.all_reduce(squares)
    norm = (squares + _squares(one for one in parameters if not is_part(one))).sqrt()
    nn.utils.clip_grads_with_norm_(parameters, limit, norm)
    return norm


def _squares(parameters: Iterable[torch.Tensor]) -> torch.Tensor:
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return nn.utils.get_total_norm(gradients).square() if gradients else torch.zeros(())


def parameters_of(optimizer: torch.optim.Optimizer) -> Iterator[torch.Tensor]:
    """All that an optimizer moves, in the order of its state."""
    for group in optimizer.param_groups:
        yield from group["params"]


class SharedScaler(torch.amp.GradScaler):
    """torch's scaler of losses in half precision, by which all processes leave out the same steps."""

    def unscale_(self, optimizer: torch.optim.Optimizer) -> None:
        """Undo the scale of the gradients; if they are not finite at one process, they are so at all."""
        super().unscale_(optimizer)
        for found in self._per_optimizer_states[id(optimizer)]["found_inf_per_device"].values():
            flashy.distrib.all_reduce(found)

"""Sharded training: parameters, gradients and an optimizer's states, a part at each of the run's processes.

torch's FSDP2 gathers a layer's parameters when it computes and spreads their gradients. Frozen parameters and those
that LoRA adds may lie side by side. What conditions are computed by is small, is gone through apart from the rest when
a batch is taken in parts, and stays whole everywhere. Optimizers see each process' own parts as plain parameters, and
so need not know. Checkpoints are whole: a run goes on with another number of processes, also with one.
"""

from collections.abc import Iterable, Iterator, Mapping
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
    kept = [(module, name, one) for module in modules for name, one in module._parameters.items() if _is_spread(one)]
    for module, name, parameter in kept:
        module._parameters[name] = nn.Parameter(parameter.detach().full_tensor(), requires_grad=False)
    try:
        yield
    finally:
        for module, name, parameter in kept:
            module._parameters[name] = parameter


def _is_spread(value: object) -> bool:
    """Whether this is a tensor of which each process has a part (`DTensor`, whose import takes long)."""
    return hasattr(value, "placements")


def local(value: Any) -> torch.Tensor:
    """What this process has of a tensor."""
    return value.to_local() if _is_spread(value) else value


def own_part(parameter: torch.Tensor) -> torch.Tensor:
    """What an optimizer sees of a parameter: this process' part, in the same memory, or a whole one itself."""
    if not _is_spread(parameter):
        return parameter
    part = nn.Parameter(local(parameter.detach()), parameter.requires_grad)
    part.whole = parameter  # type: ignore[attr-defined]
    return part


def is_part(parameter: torch.Tensor) -> bool:
    """Whether other processes have other parts of what an optimizer sees."""
    return hasattr(parameter, "whole")


def hand_over_gradients(optimizer: torch.optim.Optimizer) -> None:
    """Move gradients to where the optimizer looks for them, and average those of whole parameters over processes."""
    parameters = list(_parameters(optimizer))
    for part in filter(is_part, parameters):
        gradient, part.whole.grad = part.whole.grad, None  # type: ignore[attr-defined]
        part.grad = None if gradient is None else local(gradient)
    flashy.distrib.sync_gradients([parameter for parameter in parameters if not is_part(parameter)])


def clip(optimizer: torch.optim.Optimizer, limit: float) -> torch.Tensor:
    """Limit the norm of all gradients together; returns what it was, the same at every process."""
    parameters = [parameter for parameter in _parameters(optimizer) if parameter.grad is not None]
    squares = _squares(filter(is_part, parameters))
    flashy.distrib.all_reduce(squares)
    norm = (squares + _squares(one for one in parameters if not is_part(one))).sqrt()
    nn.utils.clip_grads_with_norm_(parameters, limit, norm)
    return norm


def _squares(parameters: Iterable[torch.Tensor]) -> torch.Tensor:
    gradients = [parameter.grad for parameter in parameters if parameter.grad is not None]
    return nn.utils.get_total_norm(gradients).square() if gradients else torch.zeros(())


def _parameters(optimizer: torch.optim.Optimizer) -> Iterator[torch.Tensor]:
    for group in optimizer.param_groups:
        yield from group["params"]


class SharedScaler(torch.amp.GradScaler):
    """torch's scaler of losses in half precision, by which all processes leave out the same steps."""

    def unscale_(self, optimizer: torch.optim.Optimizer) -> None:
        """Undo the scale of the gradients; if they are not finite at one process, they are so at all."""
        super().unscale_(optimizer)
        for found in self._per_optimizer_states[id(optimizer)]["found_inf_per_device"].values():
            flashy.distrib.all_reduce(found)


def gathered(state: Any, optimizer: torch.optim.Optimizer) -> Any:
    """A solver's state with whole tensors, as one process would have it; every process calls this, the first gets it.

    Args:
        state: of nested dictionaries and lists; that of `optimizer` by that name.
        optimizer: whose states are of parts.
    """
    joined = _of_optimizer(state["optimizer"], optimizer, _joined)
    return _gathered({**state, "optimizer": joined})


def _gathered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _gathered(one) for name, one in value.items()}
    if not _is_spread(value):
        return value
    full = value.full_tensor()
    return full.cpu() if flashy.distrib.is_rank_zero() else None


def spread(state: Mapping[str, Any], current: Mapping[str, Any], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """A solver's state of which each process has its parts, from one with whole tensors.

    Args:
        state: as `gathered` returns it, or a part of that.
        current: the solver's own by now.
        optimizer: see `gathered`.
    """
    parts = {name: _spread(value, current.get(name)) for name, value in state.items()}
    if "optimizer" in parts:
        parts["optimizer"] = _of_optimizer(parts["optimizer"], optimizer, _part_of)
    return parts


def _spread(value: Any, current: Any) -> Any:
    if isinstance(value, dict) and isinstance(current, dict):
        return {name: _spread(one, current.get(name)) for name, one in value.items()}
    return _like(value, current) if _is_spread(current) and isinstance(value, torch.Tensor) else value


def _like(value: torch.Tensor, spread_one: Any) -> torch.Tensor:
    from torch.distributed.tensor import distribute_tensor

    if _is_spread(value):
        return value
    mesh, placements = spread_one.device_mesh, spread_one.placements
    return distribute_tensor(value, mesh, placements, src_data_rank=None)  # all have it: nothing is sent


def _of_optimizer(state: dict[str, Any], optimizer: torch.optim.Optimizer, change: Any) -> dict[str, Any]:
    """An optimizer's state, what it keeps for each element of a part changed by `change(value, part)`."""
    parameters = list(_parameters(optimizer))
    changed = {
        index: {name: change(value, parameters[index]) for name, value in kept.items()}
        for index, kept in state["state"].items()
    }
    return {**state, "state": changed}


def _joined(value: Any, part: Any) -> Any:
    from torch.distributed.tensor import DTensor

    if not (is_part(part) and isinstance(value, torch.Tensor) and value.dim() and value.shape == part.shape):
        return value
    mesh, placements = part.whole.device_mesh, part.whole.placements
    return DTensor.from_local(
        value, mesh, placements, run_check=False, shape=part.whole.shape, stride=part.whole.stride()
    )


def _part_of(value: Any, part: Any) -> Any:
    if not (is_part(part) and isinstance(value, torch.Tensor) and value.dim() and value.shape == part.whole.shape):
        return value
    return local(_like(value, part.whole))

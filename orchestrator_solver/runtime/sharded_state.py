"""States of sharded training as one process would have them, and back.

So checkpoints are whole, and a run goes on with another number of processes, also with one.
"""

from collections.abc import Callable, Mapping
from typing import Any

import flashy
import torch

from .fsdp import is_part, is_spread, local, parameters_of


def gathered(state: Any, optimizer: torch.optim.Optimizer) -> Any:
    """A solver's state with whole tensors, as one process would have it; every process calls this, the first gets it.

    Args:
        state: of nested dictionaries; that of `optimizer` by that name.
        optimizer: whose states are of parts.
    """
    joined = _of_optimizer(state["optimizer"], optimizer, _joined)
    return _gathered({**state, "optimizer": joined})


def _gathered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _gathered(one) for name, one in value.items()}
    if not is_spread(value):
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
    return _like(value, current) if is_spread(current) and isinstance(value, torch.Tensor) else value


def _like(value: torch.Tensor, spread_one: Any) -> torch.Tensor:
    from torch.distributed.tensor import distribute_tensor

    if is_spread(value):
        return value
    mesh, placements = spread_one.device_mesh, spread_one.placements
    return distribute_tensor(value, mesh, placements, src_data_rank=None)  # all have it: nothing is sent


def _of_optimizer(
    state: dict[str, Any], optimizer: torch.optim.Optimizer, change: Callable[[Any, Any], Any]
) -> dict[str, Any]:
    """An optimizer's state, what it keeps for each element of a part changed by `change(value, part)`."""
    parameters = list(parameters_of(optimizer))
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

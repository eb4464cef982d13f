"""D-Adaptation Adam: Adam that finds its own learning rate.

Defazio and Mishchenko 2023, https://arxiv.org/abs/2301.07733, algorithm 5 (Adam), with decoupled weight decay. The
steps are those of audiocraft's `dadam` within rounding; what differs is how they are computed. audiocraft's waits for
the device three times for every parameter; here the three sums that the estimate of d needs are gathered where the
parameters are and read once a step. On a GPU whole lists of tensors are worked on at once (`foreach`); on a CPU, where
memory is what takes the time and foreach was seen to be slower, compiled loops read it once (`cpu_kernels.py`).
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import distributed

from ..runtime.fsdp import is_part

Tensors = list[torch.Tensor]
_STATE = ("exp_avg", "exp_avg_sq", "s")


class DAdaptAdam(torch.optim.Optimizer):
    """Adam whose step size is `lr * d`, where d is a lower bound of the distance to the solution that grows.

    State and groups have the names of audiocraft's, so that checkpoints of one can be read by the other.

    Args:
        params: parameters or groups; `lr` must be the same in all, or 0.
        lr: factor of the step; 1 unless training is unstable.
        betas: decay of the averages of the gradient and of its square.
        eps: added to the root of the second.
        weight_decay: decoupled, times `lr * d`.
        d0: first estimate of d.
        growth_rate: by which d may grow in a step at most.
    """

    def __init__(
        self, params: Iterable[Any], lr: float = 1.0, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.0, d0: float = 1e-6, growth_rate: float = float("inf"),
    ) -> None:  # fmt: skip
        if min(lr, eps, d0) <= 0 or not all(0 <= beta < 1 for beta in betas):
            raise ValueError(f"lr {lr}, eps {eps} and d0 {d0} must be above 0, betas {betas} in 0..1")
        defaults = {
            "lr": lr, "betas": tuple(betas), "eps": eps, "weight_decay": weight_decay, "d": d0, "k": 0,
            "gsq_weighted": 0.0, "growth_rate": growth_rate,
        }  # fmt: skip
        super().__init__(params, defaults)
        self.sharded = any(is_part(parameter) for group in self.param_groups for parameter in group["params"])

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]
        """One step.

        Args:
            closure: computes the loss again, with gradients.

        Returns:
            What `closure` returned.

        Raises:
            ValueError: if groups differ in a learning rate that is not 0.
        """
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        first = self.param_groups[0]
        lr = max(group["lr"] for group in self.param_groups)
        if any(group["lr"] not in (lr, 0.0) for group in self.param_groups):
            raise ValueError("D-Adaptation wants one learning rate: groups may only differ by a rate of 0")
        beta2, d = first["betas"][1], first["d"]
        dlr = d * lr
        # Before returning: a process whose part has no gradient must not leave the others waiting.
        g_sq, sksq, sk_l1 = self._over_processes(*self._gather(dlr))
        gsq_weighted = beta2 * first["gsq_weighted"] + g_sq * dlr**2 * (1 - beta2)
        if sk_l1 == 0:  # no gradient, or none that is not 0
            return loss
        estimate = (sksq / (1 - beta2) - gsq_weighted) / sk_l1
        d = max(d, min(estimate, d * first["growth_rate"]))
        for group in self.param_groups:
            group["gsq_weighted"], group["d"] = gsq_weighted, d
            self._move(group, dlr)
            group["k"] += 1
        return loss

    def _gather(self, dlr: float) -> tuple[float, float, float]:
        """Update the averages; returns the sums of g^2/v, s^2/v and |s|, read from the device once."""
        sums = [
            self._counted(parameters) * _passes(parameters + gradients).gather(
                gradients, *(self._states(parameters, name) for name in _STATE), group, dlr
            )
            for group, parameters, gradients in self._groups()
            if group["lr"] > 0
        ]  # fmt: skip
        if not sums:
            return 0.0, 0.0, 0.0
        g_sq, sksq, sk_l1 = torch.stack(sums).sum(0).tolist()
        return g_sq, sksq, sk_l1

    def _groups(self) -> Iterator[tuple[dict[str, Any], Tensors, Tensors]]:
        """Each group with its parameters that have a gradient, parts apart from whole ones, and their gradients."""
        for group in self.param_groups:
            for parts in (False, True):
                parameters = [one for one in group["params"] if one.grad is not None and is_part(one) is parts]
                if parameters:
                    yield group, parameters, [parameter.grad for parameter in parameters]

    def _states(self, parameters: Tensors, name: str) -> Tensors:
        for parameter in parameters:
            if "step" not in self.state[parameter]:
                self.state[parameter]["step"] = 0
                self.state[parameter].update({key: torch.zeros_like(parameter) for key in _STATE})
        return [self.state[parameter][name] for parameter in parameters]

    def _counted(self, parameters: Tensors) -> float:
        """1 where these count in sums over processes: what is whole at all of them, the first one counts."""
        return float(not self.sharded or is_part(parameters[0]) or distributed.get_rank() == 0)

    def _over_processes(self, *sums: float) -> tuple[float, ...]:
        if not self.sharded:
            return sums
        device = self.param_groups[0]["params"][0].device
        together = torch.tensor(sums, device=device, dtype=torch.float64)
        distributed.all_reduce(together)
        return tuple(together.tolist())

    def _move(self, group: dict[str, Any], dlr: float) -> None:
        """Move a group's parameters by their averages."""
        parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
        if not parameters:
            return
        for parameter in parameters:
            self.state[parameter]["step"] += 1
        averages, squares = self._states(parameters, "exp_avg"), self._states(parameters, "exp_avg_sq")
        shrink = 1 - group["weight_decay"] * dlr if group["lr"] > 0 else 1.0
        _passes(parameters + averages).move(parameters, averages, squares, group["eps"], shrink)


def _gather_foreach(
    gradients: Tensors, averages: Tensors, squares: Tensors, sk: Tensors, group: dict[str, Any], dlr: float
) -> torch.Tensor:
    """The averages of a group, and its three sums `[3]`, by operations on lists of tensors."""
    beta1, beta2 = group["betas"]
    torch._foreach_mul_(averages, beta1)
    torch._foreach_add_(averages, gradients, alpha=dlr * (1 - beta1))
    torch._foreach_mul_(squares, beta2)
    torch._foreach_addcmul_(squares, gradients, gradients, 1 - beta2)
    torch._foreach_mul_(sk, beta2)
    torch._foreach_add_(sk, gradients, alpha=dlr * (1 - beta2))
    roots = torch._foreach_sqrt(squares)
    torch._foreach_add_(roots, group["eps"])
    torch._foreach_sqrt_(roots)  # x^2/v is the square of x over the root of v
    g_norms = torch._foreach_norm(torch._foreach_div(gradients, roots))
    s_norms = torch._foreach_norm(torch._foreach_div(sk, roots))
    l1 = torch._foreach_norm(sk, 1)
    return torch.stack(
        [
            torch.stack(g_norms).double().square().sum(),
            torch.stack(s_norms).double().square().sum(),
            torch.stack(l1).double().sum(),
        ]
    )


def _move_foreach(parameters: Tensors, averages: Tensors, squares: Tensors, eps: float, shrink: float) -> None:
    roots = torch._foreach_sqrt(squares)
    torch._foreach_add_(roots, eps)
    if shrink != 1.0:
        torch._foreach_mul_(parameters, shrink)
    torch._foreach_addcdiv_(parameters, averages, roots, -1.0)


def _gather_compiled(
    gradients: Tensors, averages: Tensors, squares: Tensors, sk: Tensors, group: dict[str, Any], dlr: float
) -> torch.Tensor:
    """The averages of a group, and its three sums `[3]`, by a compiled loop for each tensor."""
    from dataset_builder.runtime.numba_threads import use_threads  # numba, which a GPU's optimizer does without

    from . import cpu_kernels

    use_threads(torch.get_num_threads())
    beta1, beta2 = (np.float32(beta) for beta in group["betas"])
    steps = [np.float32(dlr * (1 - beta)) for beta in group["betas"]]
    kernel: Callable[..., tuple[float, float, float]] = cpu_kernels.gather
    sums = [
        kernel(*_arrays(*tensors), beta1, beta2, np.float32(group["eps"]), *steps)
        for tensors in zip(gradients, averages, squares, sk, strict=True)
    ]
    return torch.tensor(sums, dtype=torch.float64).sum(0)


def _move_compiled(parameters: Tensors, averages: Tensors, squares: Tensors, eps: float, shrink: float) -> None:
    from . import cpu_kernels

    kernel: Callable[..., None] = cpu_kernels.move
    for tensors in zip(parameters, averages, squares, strict=True):
        kernel(*_arrays(*tensors), np.float32(eps), np.float32(shrink))


def _arrays(*tensors: torch.Tensor) -> list[np.ndarray]:
    """The tensors' memory as flat arrays."""
    return [tensor.detach().view(-1).numpy() for tensor in tensors]


@dataclass(frozen=True)
class _Passes:
    """How the two passes of a step are computed."""

    gather: Callable[..., torch.Tensor]
    move: Callable[..., None]


_FOREACH = _Passes(_gather_foreach, _move_foreach)
_COMPILED = _Passes(_gather_compiled, _move_compiled)


def _passes(tensors: Tensors) -> _Passes:
    """Compiled loops for float32 on a CPU, which knows no faster way; lists of tensors for all else."""
    plain = all(t.device.type == "cpu" and t.dtype == torch.float32 and t.is_contiguous() for t in tensors)
    return _COMPILED if plain else _FOREACH

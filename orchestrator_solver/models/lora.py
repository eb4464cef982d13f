"""LoRA: fine-tuning by low-rank additions to a frozen model's matrices.

Hu et al. 2021, https://arxiv.org/abs/2106.09685. An addition is a parametrization of the weight (`torch.nn.utils.
parametrize`), since audiocraft's attention holds query, key and value in one tensor that it slices, and no module that
could be wrapped. So the numbers of the model with additions and of the merged one are the same. What it costs: each
adapted weight exists once more while a layer computes, and with checkpointing only then. Dropout falls on directions
of the addition rather than on inputs.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils import parametrize

from dataset_builder.errors import UserError

# Weights by the names in `lora.targets`: attribute of the module that holds it, and the module's name's end.
TARGETS: dict[str, tuple[str, str]] = {
    "attention_in": ("in_proj_weight", ""),  # queries, keys and values
    "attention_out": ("weight", "out_proj"),
    "feed_forward_in": ("weight", "linear1"),
    "feed_forward_out": ("weight", "linear2"),
}
_INSIDE = "parametrizations"


@dataclass(frozen=True)
class LoraSettings:
    """What is trained.

    Attributes:
        rank: of the additions; 0 trains the whole model.
        alpha: additions are scaled by alpha / rank.
        dropout: share of an addition's directions that a step leaves out.
        targets: names of `TARGETS`.
        train: beginnings of the names of parameters that are trained as they are.
    """

    rank: int = 0
    alpha: float = 16.0
    dropout: float = 0.0
    targets: tuple[str, ...] = tuple(TARGETS)
    train: tuple[str, ...] = ("condition_provider",)

    @classmethod
    def of(cls, cfg: Mapping[str, Any]) -> "LoraSettings":
        """Settings of a configuration's `lora`.

        Raises:
            UserError: for values out of range or unknown targets.
        """
        lists = {name: tuple(cfg[name]) for name in ("targets", "train")}
        settings = cls(int(cfg["rank"]), float(cfg["alpha"]), float(cfg["dropout"]), **lists)
        unknown = [name for name in settings.targets if name not in TARGETS]
        if unknown:
            raise UserError(f"unknown lora.targets {', '.join(unknown)}, known: {', '.join(TARGETS)}")
        if settings.rank < 0 or settings.alpha <= 0 or not 0 <= settings.dropout < 1:
            raise UserError(
                f"lora: rank={settings.rank} alpha={settings.alpha} dropout={settings.dropout}: expected a rank of 0 "
                "or more, an alpha above 0, a dropout of at least 0 and below 1"
            )
        return settings


class LowRank(nn.Module):
    """`weight + scale * up @ down`; zero at first, since `up` is.

    Args:
        weight: `[out, in]`; its device is taken.
        rank: of the product.
        alpha: over `rank`, the scale.
        dropout: share of the rank left out in a training step.
    """

    scale: torch.Tensor

    def __init__(self, weight: torch.Tensor, rank: int, alpha: float, dropout: float) -> None:
        super().__init__()
        rows, columns = weight.shape
        # Single precision also beside a model in half: small updates to half-precision numbers are lost.
        self.down = nn.Parameter(torch.empty(rank, columns, device=weight.device, dtype=torch.float32))
        self.up = nn.Parameter(torch.zeros(rows, rank, device=weight.device, dtype=torch.float32))
        self.register_buffer("scale", torch.tensor(alpha / rank, device=weight.device))
        self.dropout = dropout
        nn.init.kaiming_uniform_(self.down, a=math.sqrt(5))

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        """The weight with the addition `[out, in]`."""
        down: torch.Tensor = self.down
        if self.training and self.dropout:
            down = down * F.dropout(torch.ones_like(down[:, :1]), self.dropout)
        return add(weight, self.up, down, self.scale)


def add(weight: torch.Tensor, up: torch.Tensor, down: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """`weight + scale * up @ down`, in single precision whatever the surroundings compute in, in `weight`'s type."""
    with torch.autocast(weight.device.type, enabled=False):
        return (weight.float() + scale.float() * (up.float() @ down.float())).to(weight.dtype)


def inject(model: nn.Module, settings: LoraSettings) -> int:
    """Freeze a model but for additions to its transformer and the parameters named; returns how many are trained.

    It goes on loading states without additions; see `fit_state`.

    Raises:
        UserError: if nothing of the model fits the targets.
    """
    found = list(_targets(model, settings.targets))
    if not found:
        raise UserError(f"lora.targets={','.join(settings.targets)}: the model has no such weights")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(parameter.requires_grad and name.startswith(settings.train))
    for module, attribute in found:
        weight = getattr(module, attribute)
        parametrize.register_parametrization(
            module, attribute, LowRank(weight, settings.rank, settings.alpha, settings.dropout)
        )
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def _targets(model: nn.Module, names: Sequence[str]) -> Iterator[tuple[nn.Module, str]]:
    for path, module in model.named_modules():
        if path.startswith("transformer."):
            for attribute, end in (TARGETS[name] for name in names):
                if path.endswith(end) and attribute in dict(module.named_parameters(recurse=False)):
                    yield module, attribute


def load_either(model: nn.Module) -> None:
    """Let a model load states with and without additions, whichever it has itself."""
    model.register_load_state_dict_pre_hook(
        lambda module, state, *_: _replace(state, fit_state(state, module.state_dict()))
    )


def _replace(state: dict[str, torch.Tensor], by: dict[str, torch.Tensor]) -> None:
    state.clear()
    state.update(by)


def fit_state(state: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state with the additions that `wanted` has: merged where it has none, as yet zero where `state` has none."""
    if not any(f".{_INSIDE}." in name for name in wanted):
        return merged_state(state)
    if any(f".{_INSIDE}." in name for name in state):
        return dict(state)
    out = dict(state)
    for name in wanted:
        if f".{_INSIDE}." not in name:
            continue
        if name.endswith(".original"):
            plain = _plain_name(name)
            if plain in out:
                out[name] = out.pop(plain)
        else:  # a state that is begun from brings no additions: these have to do nothing
            out[name] = torch.zeros_like(wanted[name]) if name.endswith(".up") else wanted[name]
    return out


def merged_state(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state in which the additions are part of the weights, under the names of a model without."""
    out = {}
    for name, value in state.items():
        if f".{_INSIDE}." not in name:
            out[name] = value
        elif name.endswith(".original"):
            first = name.removesuffix("original") + "0."
            out[_plain_name(name)] = add(value, *(state[first + part] for part in ("up", "down", "scale")))
    return out


def _plain_name(name: str) -> str:
    """`a.parametrizations.weight.original` is the weight of `a`."""
    return name.replace(f".{_INSIDE}.", ".").removesuffix(".original")


def additions_of(state: Mapping[str, torch.Tensor]) -> Iterator[tuple[str, torch.Tensor, torch.Tensor]]:
    """Of every weight with an addition its plain name, `down` `[rank, in]` and `up` `[out, rank]`, not yet scaled."""
    for name in state:
        if f".{_INSIDE}." in name and name.endswith(".original"):
            first = name.removesuffix("original") + "0."
            yield _plain_name(name), state[first + "down"], state[first + "up"]

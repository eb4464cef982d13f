"""Matrices made ready for a few rows at a time, where reading the weights is what takes the time."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import torch
from torch.nn import functional as F

Linear = Callable[[torch.Tensor], torch.Tensor]  # `[N, in]` to `[N, out]`
_ROWS = 2  # that oneDNN packs for: a take, and the same without its conditions


def prepared(weight: torch.Tensor, bias: torch.Tensor | None, precision: torch.dtype) -> Linear:
    """The product with a matrix `[out, in]`, ready to be computed many times.

    Args:
        weight: the matrix; not changed.
        bias: `[out]`, added in the precision of the product.
        precision: float32, float16, bfloat16, or int8 (on the CPU: weights of 8 bits, a scale a row, times bfloat16).

    """
    if precision == torch.int8:
        return _of_bytes(weight, bias)
    weight = weight.detach().to(precision)
    bias = None if bias is None else bias.detach().to(precision)
    if weight.device.type == "cpu" and (precision == torch.bfloat16 or _packing_pays()):
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
        return partial(_packed_product, packed, bias)
    return partial(F.linear, weight=weight, bias=bias)


def _packed_product(weight: torch.Tensor, bias: torch.Tensor | None, x: torch.Tensor) -> torch.Tensor:
    product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", [], "")
    return product


def _of_bytes(weight: torch.Tensor, bias: torch.Tensor | None) -> Linear:
    scale = weight.detach().abs().amax(1).clamp(min=1e-12) / 127
    whole = (weight.detach() / scale[:, None]).round().to(torch.int8)
    return partial(_byte_product, whole, scale.bfloat16(), None if bias is None else bias.detach().bfloat16())


def _byte_product(
    weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None, x: torch.Tensor
) -> torch.Tensor:
    product = torch._weight_int8pack_mm(x, weight, scale)
    return product if bias is None else product + bias


@cache
def _packing_pays() -> bool:
    """Whether oneDNN's float32 is sooner than MKL's with so few rows: by far on AMD, not on Intel."""
    info = Path("/proc/cpuinfo")
    return info.is_file() and "AuthenticAMD" in info.read_text(encoding="utf-8", errors="replace")

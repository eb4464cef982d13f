"""Matrices made ready for a few rows at a time, where reading the weights is what takes the time."""

from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import torch
from torch.nn import functional as F

Linear = Callable[[torch.Tensor], torch.Tensor]  # `[N, in]` of any precision to `[N, out]`
_ROWS = 2  # that oneDNN packs for: a take, and the same without its conditions
_HIGHEST = 127  # of a signed byte
_LARGE = 512 * 1024  # weights: below it, turning rows to bytes takes longer than it saves


def prepared(weight: torch.Tensor, bias: torch.Tensor | None, precision: torch.dtype) -> Linear:
    """The product with a matrix `[out, in]`, ready to be computed many times.

    Args:
        weight: the matrix; not changed.
        bias: `[out]`, added in the precision of the product.
        precision: float32, float16, bfloat16, or int8 (on the CPU: weights of 8 bits, a scale a row).

    """
    if precision == torch.int8:
        return _of_bytes(weight.detach().float(), None if bias is None else bias.detach().float())
    weight = weight.detach().to(precision)
    bias = None if bias is None else bias.detach().to(precision)
    if weight.device.type == "cpu" and (precision == torch.bfloat16 or _packing_pays()):
        packed = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
        return partial(_packed_product, packed, bias)
    return partial(_plain_product, weight, bias)


def _plain_product(weight: torch.Tensor, bias: torch.Tensor | None, x: torch.Tensor) -> torch.Tensor:
    return F.linear(x.to(weight.dtype), weight, bias)


def _packed_product(weight: torch.Tensor, bias: torch.Tensor | None, x: torch.Tensor) -> torch.Tensor:
    product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(x.to(weight.dtype), weight, bias, "none", [], "")
    return product


def _of_bytes(weight: torch.Tensor, bias: torch.Tensor | None) -> Linear:
    """Bytes times bytes where the processor has instructions for it, which keeps up with memory; bfloat16 elsewhere."""
    scale = weight.abs().amax(1).clamp(min=1e-12) / _HIGHEST
    whole = (weight / scale[:, None]).round().to(torch.int8)
    sums_bytes = torch.cpu.get_capabilities().get("avx512_vnni", False)  # without it, oneDNN's sums overflow
    if weight.numel() < _LARGE or not sums_bytes:
        return partial(_byte_product, whole, scale.bfloat16(), bias)
    packed = torch.ops.onednn.qlinear_prepack(whole, [_ROWS, weight.shape[1]])
    return partial(_bytes_product, packed, scale, torch.zeros(len(weight), dtype=torch.long), bias)


def _byte_product(
    weight: torch.Tensor, scale: torch.Tensor, bias: torch.Tensor | None, x: torch.Tensor
) -> torch.Tensor:
    product = torch._weight_int8pack_mm(x.bfloat16(), weight, scale).float()
    return product if bias is None else product + bias


def _bytes_product(
    weight: torch.Tensor, scale: torch.Tensor, zero: torch.Tensor, bias: torch.Tensor | None, x: torch.Tensor
) -> torch.Tensor:
    """With each row of `x` in bytes, too, by a scale of its own: what other rows hold changes nothing."""
    x = x.float()
    step = x.abs().amax(1, keepdim=True).clamp_(min=1e-12).div_(_HIGHEST)
    whole = (x / step).round_().to(torch.int8)
    product: torch.Tensor = torch.ops.onednn.qlinear_pointwise(
        whole, 1.0, 0, weight, scale, zero, None, 1.0, 0, torch.float32, "none", [], ""
    )
    product = product.mul_(step)
    return product if bias is None else product.add_(bias)


@cache
def _packing_pays() -> bool:
    """Whether oneDNN's float32 is sooner than MKL's with so few rows: by far on AMD, not on Intel."""
    info = Path("/proc/cpuinfo")
    return info.is_file() and "AuthenticAMD" in info.read_text(encoding="utf-8", errors="replace")

"""Matrices of a precision: multiplied by torch where many rows are, and given to our kernels where few are."""

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional as F

_HIGHEST = 127  # of a signed byte


@dataclass(frozen=True)
class Matrix:
    """The product with a matrix.

    Attributes:
        weight: `[out, in]`.
        bias: `[out]`, or none.
        scale: what a byte of each row is worth `[out]`; none if weights are no bytes.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None
    scale: torch.Tensor | None

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """`[N, out]` of `[N, in]` of any precision."""
        weight = self.weight if self.scale is None else self.weight.float().mul_(self.scale[:, None])
        return F.linear(x.to(weight.dtype), weight, self.bias)

    @property
    def suits_kernels(self) -> bool:
        """Whether its sizes are multiples of what `kernels` compute at once."""
        outputs, inputs = self.weight.shape
        return outputs % 4 == 0 and inputs % 64 == 0

    def arrays(self) -> tuple[Any, Any, Any]:
        """Weights, scale and bias as `kernels.product` takes them; they share memory where they can."""
        ones, zeros = torch.ones(len(self.weight)), torch.zeros(len(self.weight))
        bias = zeros if self.bias is None else self.bias.float()
        scale = ones if self.scale is None else self.scale
        weight = self.weight.view(torch.uint16) if self.weight.dtype == torch.bfloat16 else self.weight
        return weight.numpy(), scale.numpy(), bias.numpy()


def prepared(weight: torch.Tensor, bias: torch.Tensor | None, precision: torch.dtype) -> Matrix:
    """A matrix `[out, in]` in a precision.

    Args:
        weight: the matrix; not changed.
        bias: `[out]`, added in the precision of the product.
        precision: float32, float16, bfloat16, or int8 (on the CPU: weights of 8 bits, a scale a row).
    """
    weight, bias = weight.detach(), None if bias is None else bias.detach()
    if precision != torch.int8:
        return Matrix(weight.to(precision).contiguous(), None if bias is None else bias.to(precision), None)
    scale = weight.float().abs().amax(1).clamp(min=1e-12) / _HIGHEST
    whole = (weight.float() / scale[:, None]).round().to(torch.int8)
    return Matrix(whole, None if bias is None else bias.float(), scale)

"""Matrices of a precision: multiplied by torch where many rows are, and given to our kernels where few are."""

from dataclasses import dataclass, replace

import torch
from torch.nn import functional as F

from .large_pages import Shelf

BLOCK = (4, 64)  # outputs and inputs, which our kernels read one block after another
_HIGHEST = 127  # of a signed byte


@dataclass(frozen=True)
class Matrix:
    """The product with a matrix.

    Attributes:
        weight: `[out, in]`, or in blocks `[out / 4, in / 64, 4, 64]`.
        bias: `[out]`, or none.
        scale: what a byte of each row is worth `[out]`; none if weights are no bytes.
    """

    weight: torch.Tensor
    bias: torch.Tensor | None
    scale: torch.Tensor | None

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """`[N, out]` of `[N, in]` of any precision."""
        weight = self.plain if self.scale is None else self.plain.float().mul_(self.scale[:, None])
        return F.linear(x.to(weight.dtype), weight, self.bias)

    @property
    def shape(self) -> tuple[int, int]:
        """Outputs and inputs."""
        if self.weight.ndim == 2:
            outputs, inputs = self.weight.shape
            return outputs, inputs
        return self.weight.shape[0] * BLOCK[0], self.weight.shape[1] * BLOCK[1]

    @property
    def plain(self) -> torch.Tensor:
        """The weights `[out, in]`."""
        return self.weight if self.weight.ndim == 2 else self.weight.transpose(1, 2).flatten(2).flatten(0, 1)

    @property
    def suits_kernels(self) -> bool:
        """Whether it can be in blocks."""
        return not any(size % part for size, part in zip(self.shape, BLOCK, strict=True))

    def in_blocks(self, shelf: Shelf) -> "Matrix":
        """The same on a shelf, as memory gives it to our kernels soonest."""
        outputs, inputs = self.shape
        blocks = self.weight.view(outputs // BLOCK[0], BLOCK[0], inputs // BLOCK[1], BLOCK[1]).transpose(1, 2)
        return replace(self, weight=shelf.put(blocks))


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

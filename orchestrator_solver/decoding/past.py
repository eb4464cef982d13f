"""Keys and values of every layer."""

from dataclasses import dataclass

import torch

from . import large_pages

_AT_ONCE = 4  # positions: our kernels look at so many
_HIGHEST, _LEAST = 127, 1e-12  # of a byte; so that silence has a unit, too


@dataclass(frozen=True)
class Past:
    """Keys and values of a layer.

    A head's positions lie one after the other, because attention reads them all at each step.

    Attributes:
        numbers: `[2, R, heads, T, d]`.
        units: what a unit of each position's is worth `[2, R, heads, T]`: 1 unless they are bytes.
    """

    numbers: torch.Tensor
    units: torch.Tensor

    def put(self, start: int, new: torch.Tensor) -> None:
        """Write keys and values `[2, R, heads, S, d]` from a position on."""
        places = slice(start, start + new.shape[3])
        if self.numbers.dtype == torch.int8:
            self.units[:, :, :, places] = new.float().abs().amax(-1).clamp(min=_LEAST) / _HIGHEST
            new = (new.float() / self.units[:, :, :, places, None]).round()
        self.numbers[:, :, :, places] = new

    def until(self, length: int, precision: torch.dtype) -> torch.Tensor:
        """Those of the first positions `[2, R, heads, length, d]`; a view, unless they are bytes."""
        numbers = self.numbers[:, :, :, :length]
        if numbers.dtype == torch.int8:
            return (numbers * self.units[:, :, :, :length, None]).to(precision)
        return numbers


class Cache:
    """Keys and values of every layer, as many as they will become: never copied again.

    Args:
        layers: how many.
        shape: rows, heads, positions (the prefix among them) and numbers of each, d.
        precision: float32, float16, bfloat16, or int8.
        device: where they are.
    """

    def __init__(
        self, layers: int, shape: tuple[int, int, int, int], precision: torch.dtype, device: torch.device
    ) -> None:
        rows, heads, self.length, size = shape
        shape = (2, rows, heads, -(-self.length // _AT_ONCE) * _AT_ONCE)
        self.layers = [
            Past(_zeros((*shape, size), precision, device), torch.ones(shape, device=device)) for _ in range(layers)
        ]

    def take(self, other: "Cache", rows: torch.Tensor, length: int) -> None:
        """Fill the first `length` positions with those `rows` of another."""
        for mine, theirs in zip(self.layers, other.layers, strict=True):
            mine.numbers[:, :, :, :length] = theirs.numbers[:, rows, :, :length]
            mine.units[:, :, :, :length] = theirs.units[:, rows, :, :length]


def _zeros(shape: tuple[int, ...], precision: torch.dtype, device: torch.device) -> torch.Tensor:
    if device.type == "cpu":
        return large_pages.zeros(shape, precision)
    return torch.zeros(shape, dtype=precision, device=device)

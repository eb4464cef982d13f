"""Keys and values that are kept: in every precision near what was put, and copied with their units."""

import pytest
import torch

from orchestrator_solver.decoding.past import Cache

SHAPE = (3, 2, 10, 64)  # rows, heads, positions, numbers
NEAR = {torch.float32: 0.0, torch.bfloat16: 2**-8, torch.int8: 0.5 / 127}


def cache(precision: torch.dtype, shape: tuple[int, int, int, int] = SHAPE) -> Cache:
    return Cache(2, shape, precision, torch.device("cpu"))


def drawn(positions: int, rows: int = 3) -> torch.Tensor:
    return torch.randn(2, rows, 2, positions, 64, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("precision", NEAR)
def test_what_is_put_comes_back(precision: torch.dtype) -> None:
    past, new = cache(precision).layers[0], drawn(7)
    new[:, 0] *= 1000  # what a unit is worth is every position's own
    new[:, 1, 0, 3] = 0
    past.put(2, new)
    found = past.until(9, torch.float32).float()
    largest = new.abs().amax(-1, keepdim=True)
    assert ((found[:, :, :, 2:] - new).abs() <= NEAR[precision] * largest * 1.01).all()
    assert not found[:, :, :, :2].any()


@pytest.mark.parametrize("precision", NEAR)
def test_rows_of_another_are_taken(precision: torch.dtype) -> None:
    few, many = cache(precision, (2, 2, 4, 64)), cache(precision, (5, 2, 10, 64))
    for layer in few.layers:
        layer.put(0, drawn(4, rows=2))
    many.take(few, torch.tensor([0, 0, 1, 1, 1]), 4)
    for mine, theirs in zip(many.layers, few.layers, strict=True):
        once = theirs.until(4, torch.float32)
        assert torch.equal(mine.until(4, torch.float32), once[:, [0, 0, 1, 1, 1]])

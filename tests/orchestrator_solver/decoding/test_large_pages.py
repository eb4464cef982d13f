"""Memory that is asked for by itself: zeros of any precision, and tensors side by side."""

import pytest
import torch

from orchestrator_solver.decoding.large_pages import Shelf, zeros


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.int8])
def test_zeros_are_zeros_and_can_be_written(precision: torch.dtype) -> None:
    made = zeros([3, 5], precision)
    assert made.shape == (3, 5) and made.dtype == precision and not made.any()
    assert made.data_ptr() % (2 << 20) == 0
    made += 1
    assert made.sum() == 15


def test_a_shelf_holds_tensors_side_by_side() -> None:
    whole, transposed = torch.arange(64, dtype=torch.int8), torch.arange(128.0).view(8, 16).bfloat16().T
    shelf = Shelf(whole.nbytes + transposed.nbytes)
    first, second = shelf.put(whole), shelf.put(transposed)
    assert torch.equal(first, whole) and torch.equal(second, transposed) and second.is_contiguous()
    assert second.data_ptr() == first.data_ptr() + 64

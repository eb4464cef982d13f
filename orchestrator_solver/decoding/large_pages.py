"""Main memory in large pages, which a processor finds sooner than small ones.

torch can ask for them only for all that it has; see madvise(2), https://man7.org/linux/man-pages/man2/madvise.2.html.
"""

import math
import mmap
from collections.abc import Sequence

import torch

_PAGE = 2 << 20


def zeros(shape: Sequence[int], precision: torch.dtype) -> torch.Tensor:
    """A tensor on the CPU; memory is taken as it is written to."""
    size = math.prod(shape) * precision.itemsize
    memory = mmap.mmap(-1, size + _PAGE)
    if hasattr(mmap, "MADV_HUGEPAGE"):  # Linux
        memory.madvise(mmap.MADV_HUGEPAGE)
    whole = torch.frombuffer(memory, dtype=torch.uint8)
    begin = -whole.data_ptr() % _PAGE
    return whole[begin : begin + size].view(precision).view(*shape)


class Shelf:
    """Memory for tensors side by side.

    Args:
        size: of all, in bytes.
    """

    def __init__(self, size: int) -> None:
        self._left = zeros([size], torch.uint8)

    def put(self, tensor: torch.Tensor) -> torch.Tensor:
        """The same, here."""
        size = tensor.numel() * tensor.element_size()
        place, self._left = self._left[:size], self._left[size:]
        return place.view(tensor.dtype).view(tensor.shape).copy_(tensor)

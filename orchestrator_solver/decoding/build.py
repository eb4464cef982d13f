"""`python -m orchestrator_solver.decoding.build`: have numba compile and keep the kernels, as `make setup` does.

Otherwise a user's first take waits some seconds for it.
"""

import torch

from . import kernels
from .linears import prepared

_WIDTH = 64


def build(precision: torch.dtype = torch.float32) -> None:
    """Compile what a precision needs, unless it is kept from before."""
    ones = torch.ones(_WIDTH).numpy()
    matrix, thrice = (prepared(torch.ones(rows, _WIDTH), None, precision).arrays() for rows in (_WIDTH, 3 * _WIDTH))
    past = torch.zeros(2, 1, 1, 1, _WIDTH).numpy()
    rows = torch.ones(1, _WIDTH).numpy()
    kernels.layer(rows, past, 0, 1, 1e-5, (ones, ones), (ones, ones), thrice, matrix, matrix, matrix)
    kernels.product(matrix, rows, torch.zeros(1, _WIDTH).numpy(), 1)


if __name__ == "__main__":
    build()

"""`python -m orchestrator_solver.decoding.compiled.build`, part of `make setup`: numba compiles and keeps the kernels.

Otherwise a user's first take waits some seconds for it.
"""

import torch
from torch import nn

from ..linears import prepared
from ..past import Cache
from .steps import Steps

_WIDTH = 64


def build(precision: torch.dtype = torch.float32) -> None:
    """Compile what a precision needs, unless it is kept from before."""
    matrix, thrice = (prepared(torch.ones(rows, _WIDTH), None, precision) for rows in (_WIDTH, 3 * _WIDTH))
    norm, past = nn.LayerNorm(_WIDTH), Cache(1, (1, 1, 1, _WIDTH), precision, torch.device("cpu"))
    steps = Steps([(norm, norm, thrice, matrix, matrix, matrix)], (norm, matrix), 1, precision)
    steps(torch.ones(1, _WIDTH), past.layers, 0)


if __name__ == "__main__":
    build()

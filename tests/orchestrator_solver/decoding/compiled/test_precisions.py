"""Functions that vector units compute are torch's."""

import numba
import numpy as np
import torch
from torch.nn import functional as F

from orchestrator_solver.decoding.compiled.precisions import exp, gelu, ready, rounded


@numba.njit
def _each(function, values, out):
    for i in range(values.size):
        out[i] = function(values[i])


def of(function: object, values: torch.Tensor) -> torch.Tensor:
    out = torch.empty_like(values)
    _each(function, values.numpy(), out.numpy())
    return out


def test_exp() -> None:
    values = torch.linspace(-86, 0, 100_001)
    torch.testing.assert_close(of(exp, values), values.double().exp().float(), rtol=3e-7, atol=0)
    assert of(exp, torch.tensor([0.0, -1e9, -torch.inf])).tolist() == [1, *[of(exp, torch.tensor([-87.0])).item()] * 2]
    assert of(exp, torch.tensor([torch.nan])).isnan().all()


def test_gelu() -> None:
    values = torch.linspace(-12, 12, 100_001)
    torch.testing.assert_close(of(gelu, values), F.gelu(values.double()).float(), rtol=0, atol=1e-6)


def test_bfloat16_is_rounded_as_torch_rounds() -> None:
    values = np.float32([1.0, 1.00390625, 1.01171875, -3.1415927, 1e-20, 65504.0])
    wanted = torch.from_numpy(values).bfloat16().view(torch.uint16).numpy()
    assert [int(rounded(value)) for value in values] == wanted.tolist()


def test_rows_for_bytes_keep_their_size_and_what_is_not_a_number() -> None:
    @numba.njit
    def asked(weights, x):
        return ready(weights, x)

    x = np.float32([[0.5, -1000, 3, 0], [0, 0, 0, 0], [1, np.nan, 2, 3]])
    given, units = asked(np.zeros((1, 4), np.int8), x)
    np.testing.assert_allclose(given[0] * units[0], x[0], atol=0.02)
    assert not (given[1] * units[1]).any() and np.isnan(units[2])

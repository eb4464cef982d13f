"""The compiled step is torch's: products of all precisions, attention, and a whole step through the network."""

import pytest
import torch
from torch.nn import functional as F

from orchestrator_solver.decoding.compiled import products
from orchestrator_solver.decoding.compiled.steps import matrix_arrays
from orchestrator_solver.decoding.large_pages import Shelf
from orchestrator_solver.decoding.linears import Matrix, prepared
from orchestrator_solver.decoding.network import Network
from orchestrator_solver.generation.model import load_model

PRECISIONS = [torch.float32, torch.bfloat16, torch.int8]


def drawn(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def product(matrix: Matrix, x: torch.Tensor, *, before: float = 0.0, parts: int = 3) -> torch.Tensor:
    out = torch.full((len(x), len(matrix.weight)), before)
    if matrix.weight.dtype != torch.float32:
        matrix = matrix.in_blocks(Shelf(matrix.weight.nbytes))
    products.product(matrix_arrays(matrix), x.numpy(), out.numpy(), parts)
    return out


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("rows", [1, 2, 5])
def test_a_product_is_torchs_of_the_same_weights(precision: torch.dtype, rows: int) -> None:
    matrix, x = prepared(drawn(72, 192), drawn(72, seed=1), precision), drawn(rows, 192, seed=2)
    bias = matrix.bias.float() if matrix.bias is not None else None
    weight = matrix.weight.float() if matrix.scale is None else matrix.weight.float() * matrix.scale[:, None]
    wanted = F.linear(x, weight, bias)
    near = {"rtol": 2e-3, "atol": 2e-3} if precision == torch.int8 else {"rtol": 1e-4, "atol": 1e-4}
    torch.testing.assert_close(product(matrix, x), wanted, **near)
    torch.testing.assert_close(product(matrix, x, before=1.0), wanted + 1, **near)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_outputs_do_not_depend_on_parts_or_on_other_rows(precision: torch.dtype) -> None:
    matrix, x = prepared(drawn(64, 128), None, precision), drawn(4, 128, seed=2)
    x[3] = 0
    alone = product(matrix, x[:2])
    for parts in (1, 2, 7, 99):
        assert torch.equal(product(matrix, x, parts=parts)[:2], alone)
    louder = product(matrix, x * torch.tensor([[1.0], [1000.0], [1.0], [1.0]]))
    assert torch.equal(louder[0], alone[0]) and torch.equal(louder[3], torch.zeros(64))


@pytest.mark.parametrize("width", [64, 4096, 8192])
def test_sums_of_bytes_do_not_overflow(width: int) -> None:
    """The largest there are, all of one sign."""
    matrix = prepared(torch.full((4, width), 3.0), None, torch.int8)
    torch.testing.assert_close(product(matrix, torch.full((1, width), 7.0)), torch.full((1, 4), 21.0 * width))


@pytest.mark.parametrize("precision", PRECISIONS)
def test_what_is_not_finite_stays_so(precision: torch.dtype) -> None:
    x = drawn(2, 64)
    x[0, 3] = torch.nan
    found = product(prepared(drawn(4, 64), None, precision), x)
    assert found[0].isnan().all() and found[1].isfinite().all()


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_compiled_step_is_the_plain_one(precision: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(load_model("nano").lm, precision)
    codes = torch.randint(0, network.card, (3, network.codebooks, 9), generator=torch.Generator().manual_seed(3))
    x, found = network.embed(codes), {}
    for compiled in (True, False):
        monkeypatch.setattr(network, "_has_kernels", compiled)
        cache = network.cache(3, 12)
        network(x[:, :8], cache, 0)
        found[compiled] = (
            network(x[:, 8:], cache, 8),
            [layer.numbers * layer.units[..., None] for layer in cache.layers],
        )
    exact = precision == torch.float32
    (logits, past), (wanted, wanted_past) = found[True], found[False]
    assert (logits - wanted).std() < wanted.std() / (1e5 if exact else 50)
    for ours, theirs in zip(past, wanted_past, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4 if exact else 0.05, atol=1e-4 if exact else 0.05)


def test_other_activations_and_widths_go_through_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    lm = load_model("nano").lm
    assert Network(lm, torch.float32)._has_kernels and not Network(lm, torch.float16)._has_kernels
    monkeypatch.setattr(lm.transformer.layers[0], "activation", F.relu)
    assert not Network(lm, torch.float32)._has_kernels

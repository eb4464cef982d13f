"""Attention of one position is torch's, in every precision and at every length."""

import pytest
import torch
from torch.nn import functional as F

from orchestrator_solver.decoding.compiled.attention import attention
from orchestrator_solver.decoding.compiled.steps import as_array
from orchestrator_solver.decoding.past import Cache

NEAR = {torch.float32: 1e-5, torch.bfloat16: 0.02, torch.int8: 0.02}


@pytest.mark.parametrize("precision", NEAR)
@pytest.mark.parametrize("position", [0, 1, 2, 3, 4, 90])
def test_attention_is_torchs(precision: torch.dtype, position: int) -> None:
    rows, heads, size = 3, 2, 64
    draw = torch.Generator().manual_seed(position)
    packed = torch.randn(rows, 3 * heads * size, generator=draw)
    (layer,) = Cache(1, (rows, heads, 97, size), precision, torch.device("cpu")).layers
    layer.put(0, torch.randn(2, rows, heads, position, size, generator=draw))
    layer.numbers[:, :, :, position:] = 100  # of no meaning: what is left of another's
    out = torch.full((rows, heads * size), torch.nan)
    attention(packed.numpy(), (as_array(layer.numbers), layer.units.numpy()), position, out.numpy())
    keys, values = layer.until(position + 1, torch.float32).float()
    query = packed.view(rows, 3, heads, 1, size)[:, 0]
    wanted = F.scaled_dot_product_attention(query, keys, values).flatten(1)
    torch.testing.assert_close(out, wanted, rtol=0, atol=NEAR[precision])
    own = packed.view(rows, 3, heads, size)[:, 1:].transpose(0, 1)
    kept = layer.until(position + 1, torch.float32)[:, :, :, -1].float()
    torch.testing.assert_close(kept, own, rtol=NEAR[precision], atol=NEAR[precision])

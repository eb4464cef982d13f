"""audiocraft's transformer with weights made ready, for one step after another."""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import torch
from audiocraft.models.lm import LMModel
from audiocraft.modules.transformer import StreamingTransformerLayer, create_sin_embedding
from torch import nn
from torch.nn import functional as F

from dataset_builder.errors import UserError

from .linears import Matrix, prepared

_ONE_STEP = threading.Lock()  # at a time: each has all cores, and not every kind of numba's threads can be shared
_WEIGHTS_A_THREAD = 1 << 14  # of the smallest product: with fewer, threads wait for one another


class Cache:
    """Keys and values of every layer `[2, R, heads, T, d]`, as many as they will become: never copied again.

    A head's positions lie one after the other, because attention reads them all at each step.

    Args:
        network: whose.
        rows: of it.
        length: positions, the prefix among them.
    """

    def __init__(self, network: "Network", rows: int, length: int) -> None:
        self.length = length
        shape = (2, rows, network.heads, length, network.dim // network.heads)
        self.layers = [torch.zeros(shape, dtype=network.dtype, device=network.device) for _ in network.layers]

    def take(self, other: "Cache", rows: torch.Tensor, length: int) -> None:
        """Fill the first `length` positions with those `rows` of another."""
        for mine, theirs in zip(self.layers, other.layers, strict=True):
            mine[:, :, :, :length] = theirs[:, rows, :, :length]

    @cached_property
    def arrays(self) -> list[Any]:
        """The same memory, as `kernels.layer` takes it."""
        return [(one.view(torch.uint16) if one.dtype == torch.bfloat16 else one).numpy() for one in self.layers]


@dataclass(frozen=True)
class _Layer:
    """A layer's parts: two norms, queries with keys and values, what leaves attention, and the feed-forward."""

    norm1: nn.LayerNorm
    norm2: nn.LayerNorm
    qkv: Matrix
    out: Matrix
    up: Matrix
    down: Matrix
    activation: Callable[[torch.Tensor], torch.Tensor]

    @property
    def matrices(self) -> tuple[Matrix, ...]:
        """All, in the order in which they are used."""
        return self.qkv, self.out, self.up, self.down

    @property
    def suits_kernels(self) -> bool:
        """Whether all of them do."""
        return all(matrix.suits_kernels for matrix in self.matrices)


class Network:
    """A language model that is given embeddings and a cache.

    Sums of layers stay in float32; products, keys and values are of `dtype`. One position at a time goes through our
    own kernels on a CPU, all else through torch.

    Args:
        lm: in evaluation mode; its weights are copied where their precision changes.
        precision: of the products, see `linears.prepared`.

    Raises:
        UserError: if the model has parts that are not known here.
    """

    def __init__(self, lm: LMModel, precision: torch.dtype) -> None:
        _refuse_others(lm)
        self.dtype = torch.bfloat16 if precision == torch.int8 else precision
        self.dim, self.heads = lm.dim, lm.transformer.layers[0].self_attn.num_heads
        self.device = lm.emb[0].weight.device
        self.transformer, self.norm = lm.transformer, lm.out_norm
        self.layers = [_made_ready(layer, precision) for layer in lm.transformer.layers]
        self.codebooks, self.card = lm.n_q, lm.card
        self.embeddings = torch.cat([table.weight.detach().float() for table in lm.emb])  # [K * (card + 1), D]
        self.first = torch.arange(lm.n_q, device=self.device)[:, None] * (lm.card + 1)
        biases = [linear.bias for linear in lm.linears]
        bias = None if biases[0] is None else torch.cat(biases)
        self.classify = prepared(torch.cat([linear.weight for linear in lm.linears]), bias, precision)

    def embed(self, codes: torch.Tensor) -> torch.Tensor:
        """The sum of the embeddings of codes `[R, K, S]`: `[R, S, D]`."""
        return F.embedding(codes + self.first, self.embeddings).sum(1)

    def positions(self, length: int) -> torch.Tensor:
        """What is added to each position `[length, D]`."""
        steps = torch.arange(length, device=self.device)[None, :, None]
        table = create_sin_embedding(steps, self.dim, self.transformer.max_period)
        return self.transformer.positional_scale * table[0]

    @torch.inference_mode()
    def __call__(self, x: torch.Tensor, cache: Cache, start: int) -> torch.Tensor:
        """Logits `[R, K, card]` after the last of the positions `x` `[R, S, D]`, the first of which is `start`."""
        steps = x.shape[1]
        if steps == 1 and self._has_kernels:
            return self._compiled(x, cache, start)
        mask = _causal(steps, start, x.device) if steps > 1 and start else None
        return self._through(x, cache, partial(_attended, start=start, mask=mask))

    def _compiled(self, x: torch.Tensor, cache: Cache, start: int) -> torch.Tensor:
        from dataset_builder.runtime.numba_threads import use_threads  # numba: what plays nothing does without

        from . import kernels

        assert start < cache.length  # the kernels do not look
        rows = x[:, 0].to(torch.float32, copy=True, memory_format=torch.contiguous_format)
        with _ONE_STEP:
            parts = 4 * use_threads(min(torch.get_num_threads(), self.dim**2 // _WEIGHTS_A_THREAD))
            for layer, past in zip(self._arrays, cache.arrays, strict=True):
                kernels.layer(rows.numpy(), past, start, parts, *layer)
            logits = torch.zeros(len(rows), self.codebooks * self.card)
            kernels.product(self._classify_arrays, self.norm(rows).numpy(), logits.numpy(), parts)
        return logits.view(len(rows), self.codebooks, self.card)

    @cached_property
    def _has_kernels(self) -> bool:
        """Whether `kernels` know this kind of device, the precision, and all that layers do."""
        return (
            self.device.type == "cpu"
            and self.dtype in (torch.float32, torch.bfloat16)
            and self.classify.suits_kernels
            and all(layer.activation is F.gelu and layer.suits_kernels for layer in self.layers)
        )

    @cached_property
    def _arrays(self) -> list[tuple[Any, ...]]:
        """What `kernels.layer` is told of each layer."""
        return [
            (layer.norm1.eps, _norm_arrays(layer.norm1), _norm_arrays(layer.norm2),
             *(matrix.arrays() for matrix in layer.matrices))
            for layer in self.layers
        ]  # fmt: skip

    @cached_property
    def _classify_arrays(self) -> tuple[Any, Any, Any]:
        return self.classify.arrays()

    def at(self, x: torch.Tensor, cache: Cache, position: torch.Tensor, length: int) -> torch.Tensor:
        """The same after one position `[R, 1, D]`, where nothing but values differs from step to step.

        Args:
            x: the embedding.
            cache: with all before it.
            position: of it `[1]`, below `length`.
            length: positions that are looked at, the later ones through a mask.
        """
        mask = torch.arange(length, device=x.device) <= position
        return self._through(x, cache, partial(_attended_at, position=position, mask=mask))

    def _through(
        self, x: torch.Tensor, cache: Cache, attended: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
    ) -> torch.Tensor:
        rows, steps, dim = x.shape
        x = x.flatten(0, 1)  # matrices of two dimensions are multiplied sooner
        for layer, past in zip(self.layers, cache.layers, strict=True):
            packed = layer.qkv(layer.norm1(x)).view(rows, steps, 3, self.heads, dim // self.heads)
            x = x + layer.out(attended(packed.permute(2, 0, 3, 1, 4), past))
            x = x + layer.down(layer.activation(layer.up(layer.norm2(x))))
        last = self.norm(x.view(rows, steps, dim)[:, -1])
        return self.classify(last).float().view(rows, self.codebooks, self.card)


def _attended(packed: torch.Tensor, past: torch.Tensor, start: int, mask: torch.Tensor | None) -> torch.Tensor:
    """What attention makes `[R * S, D]` of queries, keys and values `[3, R, heads, S, d]` and those before them."""
    steps = packed.shape[3]
    past[:, :, :, start : start + steps] = packed[1:]
    keys, values = past[:, :, :, : start + steps]
    out = F.scaled_dot_product_attention(
        packed[0].to(past.dtype), keys, values, attn_mask=mask, is_causal=steps > 1 and not start
    )
    return out.transpose(1, 2).reshape(packed.shape[1] * steps, -1)


def _attended_at(packed: torch.Tensor, past: torch.Tensor, position: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The same of one position, whose place is a value on the device."""
    past.index_copy_(3, position, packed[1:].to(past.dtype))
    keys, values = past[:, :, :, : mask.shape[0]]
    out = F.scaled_dot_product_attention(packed[0].to(past.dtype), keys, values, mask[None])
    return out.transpose(1, 2).flatten(1)


def _causal(steps: int, start: int, device: torch.device) -> torch.Tensor:
    """Which positions `[S, start + S]` a step from `start` on may see."""
    return torch.ones(steps, start + steps, dtype=torch.bool, device=device).tril(start)


def _made_ready(layer: StreamingTransformerLayer, precision: torch.dtype) -> _Layer:
    attention = layer.self_attn if layer.self_attn.custom else layer.self_attn.mha
    ready = partial(prepared, precision=precision)
    return _Layer(
        layer.norm1, layer.norm2, ready(attention.in_proj_weight, attention.in_proj_bias),
        ready(attention.out_proj.weight, attention.out_proj.bias), ready(layer.linear1.weight, layer.linear1.bias),
        ready(layer.linear2.weight, layer.linear2.bias), layer.activation,
    )  # fmt: skip


def _norm_arrays(norm: nn.LayerNorm) -> tuple[Any, Any]:
    return norm.weight.detach().float().numpy(), norm.bias.detach().float().numpy()


def _refuse_others(lm: LMModel) -> None:
    layer = lm.transformer.layers[0]
    attention = layer.self_attn
    found = {
        "norms after the sums": not layer.norm_first, "cross attention": layer.cross_attention is not None,
        "rotary positions": lm.transformer.rope is not None,
        "layer scale": layer.layer_scale_1.__class__ is not nn.Identity,
        "normed queries": attention.qk_layer_norm, "repeated keys": attention.kv_repeat != 1,
        "a bounded past": attention.past_context is not None,
    }  # fmt: skip
    if strange := [name for name, there in found.items() if there]:
        raise UserError(
            f"the language model has {', '.join(strange)}: what plays knows the transformers of MusicGen "
            "Melody and of the small models"
        )

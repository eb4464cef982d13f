"""audiocraft's transformer with weights made ready, for one step after another."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import torch
from audiocraft.models.lm import LMModel
from audiocraft.modules.transformer import StreamingTransformerLayer, create_sin_embedding
from torch import nn
from torch.nn import functional as F

from dataset_builder.errors import UserError

from .large_pages import Shelf
from .linears import BLOCK, Matrix, prepared
from .past import Cache, Past

if TYPE_CHECKING:
    from .compiled.steps import Steps


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

    def in_blocks(self, shelf: Shelf) -> "_Layer":
        """The same, its matrices in blocks."""
        qkv, out, up, down = (matrix.in_blocks(shelf) for matrix in self.matrices)
        return replace(self, qkv=qkv, out=out, up=up, down=down)


class Network:
    """A language model that is given embeddings and a cache.

    Sums of layers stay in float32; products are of `dtype`, keys and values of `key_dtype`. One position at a time goes
    through our own kernels on a CPU, all else through torch.

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
        in_bytes = precision == torch.int8 and self._has_kernels and self.dim // self.heads % BLOCK[1] == 0
        self.key_dtype = torch.int8 if in_bytes else self.dtype
        if self._has_kernels and precision != torch.float32:
            self._order_weights()

    def cache(self, rows: int, length: int) -> Cache:
        """Empty, for so many rows and positions."""
        shape = (rows, self.heads, length, self.dim // self.heads)
        return Cache(len(self.layers), shape, self.key_dtype, self.device)

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
            return self._compiled(x[:, 0], cache.layers, start).view(len(x), self.codebooks, self.card)
        mask = _causal(steps, start, x.device) if steps > 1 and start else None
        return self._through(x, cache, partial(_attended, start=start, mask=mask, precision=self.dtype))

    @cached_property
    def _has_kernels(self) -> bool:
        """Whether our kernels know this kind of device, the precision, and all that layers do."""
        return (
            self.device.type == "cpu"
            and self.dtype in (torch.float32, torch.bfloat16)
            and self.classify.suits_kernels
            and self.dim // self.heads % 32 == 0
            and all(layer.activation is F.gelu and layer.suits_kernels for layer in self.layers)
        )

    def _order_weights(self) -> None:
        """Have the copies of all weights in the order in which our kernels read them, in memory of their own."""
        matrices = [self.classify, *(matrix for layer in self.layers for matrix in layer.matrices)]
        shelf = Shelf(sum(matrix.weight.numel() * matrix.weight.element_size() for matrix in matrices))
        self.classify = self.classify.in_blocks(shelf)
        for number, layer in enumerate(self.layers):
            self.layers[number] = layer.in_blocks(shelf)

    @cached_property
    def _compiled(self) -> "Steps":
        from .compiled.steps import Steps  # numba: what plays nothing does without

        layers: list[list[nn.LayerNorm | Matrix]] = [
            [layer.norm1, layer.norm2, *layer.matrices] for layer in self.layers
        ]
        return Steps(layers, (self.norm, self.classify), self.heads, self.key_dtype)

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
        self, x: torch.Tensor, cache: Cache, attended: Callable[[torch.Tensor, Past], torch.Tensor]
    ) -> torch.Tensor:
        rows, steps, dim = x.shape
        x = x.flatten(0, 1)  # matrices of two dimensions are multiplied sooner
        for layer, past in zip(self.layers, cache.layers, strict=True):
            packed = layer.qkv(layer.norm1(x)).view(rows, steps, 3, self.heads, dim // self.heads)
            x = x + layer.out(attended(packed.permute(2, 0, 3, 1, 4), past))
            x = x + layer.down(layer.activation(layer.up(layer.norm2(x))))
        last = self.norm(x.view(rows, steps, dim)[:, -1])
        return self.classify(last).float().view(rows, self.codebooks, self.card)


def _attended(
    packed: torch.Tensor, past: Past, start: int, mask: torch.Tensor | None, precision: torch.dtype
) -> torch.Tensor:
    """What attention makes `[R * S, D]` of queries, keys and values `[3, R, heads, S, d]` and those before them."""
    steps = packed.shape[3]
    past.put(start, packed[1:])
    keys, values = past.until(start + steps, precision)
    out = F.scaled_dot_product_attention(
        packed[0].to(precision), keys, values, attn_mask=mask, is_causal=steps > 1 and not start
    )
    return out.transpose(1, 2).reshape(packed.shape[1] * steps, -1)


def _attended_at(packed: torch.Tensor, past: Past, position: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """The same of one position, whose place is a value on the device."""
    numbers = past.numbers
    numbers.index_copy_(3, position, packed[1:].to(numbers.dtype))
    keys, values = numbers[:, :, :, : mask.shape[0]]
    out = F.scaled_dot_product_attention(packed[0].to(numbers.dtype), keys, values, mask[None])
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

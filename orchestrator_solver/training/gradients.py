"""Gradients of a batch's cross-entropy: at once, or from parts of it that fit into memory."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import NamedTuple

import flashy
import torch
from audiocraft.models.lm import LMModel
from torch.nn import functional as F

from dataset_builder.errors import UserError

from ..features.conditions import Condition

logger = logging.getLogger(__name__)
Scale = Callable[[torch.Tensor], torch.Tensor]


def unscaled(loss: torch.Tensor) -> torch.Tensor:
    """The loss itself, for gradients in full precision."""
    return loss


class Losses(NamedTuple):
    """Cross-entropy in nats, detached: the mean of the codebooks, and theirs `[K]`."""

    mean: torch.Tensor
    per_codebook: torch.Tensor


@dataclass(frozen=True)
class PreparedBatch:
    """A batch as the language model takes it.

    Conditions are computed for all samples at once, since a text is padded to the longest of its batch and the
    transformer sees the padding: parts of their own would be another batch.

    Args:
        conditions: of all samples, by name.
        codes: to be foretold `[B, K, S]`.
        mask: which codes count `[B, K, S]`.
        past: what the model sees of them `[B, K, S]`, see `past_dropout`.
    """

    conditions: dict[str, Condition]
    codes: torch.Tensor
    mask: torch.Tensor
    past: torch.Tensor


def valid_counts(model: LMModel, batch: PreparedBatch) -> torch.Tensor:
    """How many codes of each codebook count `[K]`, as the mean over all processes, at least 1.

    audiocraft's cross-entropy is the mean over codebooks of the mean over a codebook's valid steps. Sums divided by
    these counts have, averaged over parts or processes, the gradients of the whole batch, however it is divided.
    """
    mask = batch.mask & pattern_mask(model, batch.codes.shape[-1])
    counts = mask.sum((0, 2)).to(torch.float32)
    flashy.distrib.all_reduce(counts)
    return (counts / flashy.distrib.world_size()).clamp(min=1)


def full_batch(
    model: LMModel, batch: PreparedBatch, autocast: AbstractContextManager, sync: AbstractContextManager,
    scale: Scale = unscaled,
) -> Losses:  # fmt: skip
    """Add to the parameters' gradients those of the whole batch's cross-entropy.

    Args:
        model: the language model.
        batch: the whole batch.
        autocast: in which the model computes.
        sync: in which it is gone back through, for processes that share gradients as they come.
        scale: of the loss, for gradients in half precision.
    """
    counts = valid_counts(model, batch)
    with autocast:
        sums = _sums(model, batch, slice(None), batch.conditions)
        loss = (sums / counts).mean()
    with sync:
        scale(loss).backward()
    return Losses(loss.detach(), (sums / counts).detach())


def accumulate(
    model: LMModel, batch: PreparedBatch, size: int, autocast: AbstractContextManager, scale: Scale = unscaled,
    counts: torch.Tensor | None = None,
) -> Losses:  # fmt: skip
    """Add the gradients that `full_batch` would, computed `size` samples at a time.

    What computed the conditions is gone through once, at the end.

    Args:
        model: the language model.
        batch: the whole batch.
        size: samples in a part.
        autocast: in which the model computes; entered once for every part.
        scale: of the loss, for gradients in half precision.
        counts: see `valid_counts`, where they are known.
    """
    counts = valid_counts(model, batch) if counts is None else counts
    total = torch.zeros(len(counts), device=batch.codes.device)
    gradients: dict[str, list[torch.Tensor]] = {name: [] for name in batch.conditions}
    for start in range(0, len(batch.codes), size):
        part = slice(start, start + size)
        conditions = {name: _leaf(condition.of(part)) for name, condition in batch.conditions.items()}
        with autocast:
            sums = _sums(model, batch, part, conditions)
            loss = (sums / counts).mean()
        scale(loss).backward()
        total += sums.detach()
        for name, leaf in conditions.items():
            gradients[name].append(torch.zeros_like(leaf.value) if leaf.value.grad is None else leaf.value.grad)
    differentiable = [name for name, condition in batch.conditions.items() if condition.value.requires_grad]
    torch.autograd.backward(
        [batch.conditions[name].value for name in differentiable],
        [torch.cat(gradients[name]) for name in differentiable],
        retain_graph=True,  # another attempt, with smaller parts, may follow
    )
    return Losses((total / counts).mean(), total / counts)


def pattern_mask(model: LMModel, steps: int) -> torch.Tensor:
    """Which codes the model predicts `[K, S]`: with delays, the last steps of the later codebooks are cut off."""
    pattern = model.pattern_provider.get_pattern(steps)
    device = next(model.parameters()).device
    length = len(pattern.valid_layout)
    logits = torch.zeros(1, 1, model.num_codebooks, length, device=device)
    return pattern.revert_pattern_logits(logits, float("nan"), keep_only_valid_steps=True)[2]


def _leaf(condition: Condition) -> Condition:
    return Condition(condition.value.detach().requires_grad_(condition.value.requires_grad), condition.mask)


def _sums(model: LMModel, batch: PreparedBatch, part: slice, conditions: dict[str, Condition]) -> torch.Tensor:
    """Cross-entropy summed over samples of a part and valid steps, of every codebook `[K]`."""
    output = model.compute_predictions(batch.past[part], [], conditions)
    codes, valid = batch.codes[part], batch.mask[part] & output.mask
    return torch.stack(
        [
            F.cross_entropy(output.logits[:, k][valid[:, k]].float(), codes[:, k][valid[:, k]], reduction="sum")
            for k in range(codes.shape[1])
        ]
    )


class MicroBatcher:
    """Accumulates in parts of a given size, or of the largest that fits, found by trying.

    Args:
        micro_batch: samples in a part, or `auto`: the whole batch, halved whenever memory runs out.
    """

    def __init__(self, micro_batch: int | str) -> None:
        if micro_batch != "auto" and not (isinstance(micro_batch, int) and micro_batch > 0):
            raise UserError(f"optim.micro_batch={micro_batch}: expected a number of samples above 0, or auto")
        self.size = None if micro_batch == "auto" else int(micro_batch)
        self.automatic = micro_batch == "auto"

    def __call__(
        self, model: LMModel, batch: PreparedBatch, autocast: AbstractContextManager, scale: Scale = unscaled
    ) -> Losses:
        """Add the batch's gradients (`accumulate`); with `auto`, earlier ones are lost when memory runs out.

        Raises:
            UserError: if not even one sample fits.
        """
        counts = valid_counts(model, batch)  # once: processes meet here, and another may not run out of memory
        while True:
            size = min(self.size or len(batch.codes), len(batch.codes))
            try:
                return accumulate(model, batch, size, autocast, scale, counts)
            except torch.OutOfMemoryError:
                if not self.automatic:
                    raise
            self._halve(size)
            model.zero_grad(set_to_none=True)
            if torch.cuda.is_available():
                torch.cuda.empty_cache()  # pieces of the larger attempt are of no use to the smaller

    def _halve(self, size: int) -> None:
        if size == 1:
            raise UserError(
                "one sample does not fit into the device's memory: take transformer_lm.checkpointing=torch, "
                "lora.rank=16, a smaller model or a shorter dataset.segment_duration; see `orchestrator memory`"
            )
        self.size = (size + 1) // 2
        logger.warning("Out of memory with %d samples at once: going on with %d", size, self.size)

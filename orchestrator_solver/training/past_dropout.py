"""Parts of a target hidden from a model that learns to go on from them, so that it has to listen to its conditions.

Codes follow from the codes before them, far more than from a prompt or a reference: a model that always sees its past
hardly learns to hear what it is told (`orchestrator bench conditions`), and guidance has little to strengthen. What is
hidden is heard nowhere, but is still to be foretold. Ours; in the spirit of word dropout for text decoders
(https://arxiv.org/abs/1511.06349).
"""

from collections.abc import Sequence

import torch

from dataset_builder.errors import UserError
from dataset_builder.seeds import rng_for


def hide_past(
    codes: torch.Tensor, most: float, nothing: int, ids: tuple[int, ...], positions: Sequence[int]
) -> torch.Tensor:
    """Codes of which each sample has lost some frames, a share of them that is drawn between 0 and `most`.

    Args:
        codes: `[B, K, S]`; not changed.
        most: the largest share of frames, 0..1; 0 hides nothing.
        nothing: what stands in place of a code, the pattern's special one.
        ids: of the step: run seed, epoch, step.
        positions: of each sample in the batch of all processes.

    Raises:
        UserError: if `most` is no share.
    """
    if not 0 <= most <= 1:
        raise UserError(f"orchestrator.past_dropout={most}: expected a share of frames between 0 and 1")
    if not most:
        return codes
    frames = codes.shape[-1]
    hidden = []
    for position in positions:
        rng = rng_for(*ids, "past", position)
        share = rng.uniform(0, most)
        hidden.append(torch.from_numpy(rng.random(frames) < share))
    return codes.masked_fill(torch.stack(hidden).to(codes.device)[:, None], nothing)

"""Condition dropout drawn for every sample by itself, as guidance needs with small batches."""

from collections.abc import Sequence
from copy import copy

from audiocraft.modules.conditioners import ConditioningAttributes, dropout_condition

from dataset_builder.seeds import rng_for


def drop_conditions(
    samples: list[ConditioningAttributes], p: float, ids: tuple[int, ...], positions: Sequence[int]
) -> list[ConditioningAttributes]:
    """Copies of `samples`, of which each loses all its conditions with probability `p`.

    audiocraft draws once for a whole batch, from a generator that is neither different by process nor saved: with
    batches of 16 that is another training than with 192. Here a draw depends on the step and the sample's place alone.

    Args:
        samples: of this process.
        p: probability.
        ids: of the step: run seed, epoch, step.
        positions: of each sample in the batch of all processes.
    """
    out = []
    for sample, position in zip(samples, positions, strict=True):
        sample = ConditioningAttributes(copy(sample.text), copy(sample.wav), copy(sample.joint_embed))
        if rng_for(*ids, "dropout", position).random() < p:
            for kind in ("wav", "text"):
                for name in sample.attributes[kind]:
                    dropout_condition(sample, kind, name)
        out.append(sample)
    return out

"""Condition dropout drawn for every sample by itself, as guidance needs with small batches."""

from copy import copy

from audiocraft.modules.conditioners import ConditioningAttributes, dropout_condition

from dataset_builder.seeds import rng_for


def drop_conditions(
    samples: list[ConditioningAttributes], p: float, seed: int, epoch: int, step: int, rank: int
) -> list[ConditioningAttributes]:
    """Copies of `samples`, of which each loses all its conditions with probability `p`.

    audiocraft draws once for a whole batch, from a generator that is neither different by rank nor saved: with batches
    of 16 that is another training than with 192. Here the draw depends on the run's seed, epoch, step and rank alone.
    """
    rng = rng_for(seed, "dropout", epoch, step, rank)
    out = []
    for sample in samples:
        sample = ConditioningAttributes(copy(sample.text), copy(sample.wav), copy(sample.joint_embed))
        if rng.random() < p:
            for kind in ("wav", "text"):
                for name in sample.attributes[kind]:
                    dropout_condition(sample, kind, name)
        out.append(sample)
    return out

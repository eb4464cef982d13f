"""What an item is conditioned on: itself, a stem of its track, any item of it, or one that shares no stem with it."""

import numpy as np

from dataset_builder.items.item import Item

POLICIES = ("self", "stem", "any", "apart")


def policy_weights(reference: str | dict[str, float]) -> dict[str, float]:
    """Weights that sum to 1 of a policy's name or of weights by policy.

    Raises:
        ValueError: for an unknown policy, a negative weight or weights that are all zero.
    """
    weights = {reference: 1.0} if isinstance(reference, str) else dict(reference)
    unknown = sorted(set(weights) - set(POLICIES))
    if unknown:
        raise ValueError(f"Unknown reference policy {unknown[0]!r}, known: {', '.join(POLICIES)}.")
    total = sum(weights.values())
    if min(weights.values()) < 0 or total <= 0:
        raise ValueError(f"Reference weights must be positive, found {weights}.")
    return {policy: weight / total for policy, weight in weights.items() if weight > 0}


def _candidates(item: Item, policy: str, known: dict[str, Item]) -> list[tuple[Item, float]]:
    """Items that the policy allows as reference of `item`, with how much melody each carries.

    Never one in which the whole target sounds, such as the mix for one of its stems: the answer would be in the
    question.
    """
    target = {stem.id for stem in item.stems}
    allowed = [(known[ref.item], ref.melody) for ref in item.references if ref.item in known]
    if policy == "stem":
        allowed = [(other, melody) for other, melody in allowed if other.kind == "stem"]
    if policy == "apart":
        return [(other, melody) for other, melody in allowed if not target & {stem.id for stem in other.stems}]
    return [
        (other, melody)
        for other, melody in allowed
        if other.id != item.id and not target <= {stem.id for stem in other.stems}
    ]


def choose_reference(
    item: Item, start: float, end: float, known: dict[str, Item], weights: dict[str, float], rng: np.random.Generator
) -> Item:
    """The reference of an excerpt `start..end` (seconds) of `item`.

    A policy is drawn by its weight, then an item by the melody it carries, among those that sound in the excerpt. An
    item with no such companion (a track with one pitched stem) is its own reference.
    """
    policy = str(rng.choice(list(weights), p=list(weights.values())))
    if policy == "self":
        return item
    sounding = [(other, melody) for other, melody in _candidates(item, policy, known) if other.sounding(start, end)]
    melodies = np.array([melody for _, melody in sounding])
    if melodies.sum() <= 0:
        return item
    return sounding[int(rng.choice(len(sounding), p=melodies / melodies.sum()))][0]


def best_reference(item: Item, start: float, end: float, known: dict[str, Item], policy: str) -> Item:
    """The reference that evaluation uses: of those that `policy` allows, the one that carries the most melody."""
    if policy == "self":
        return item
    sounding = [(other, melody) for other, melody in _candidates(item, policy, known) if other.sounding(start, end)]
    return max(sounding, key=lambda pair: (pair[1], pair[0].id))[0] if sounding else item

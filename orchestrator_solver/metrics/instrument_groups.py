"""Classes of instruments that a recogniser cannot tell apart, put together by what it was measured to confuse."""

from collections.abc import Sequence

import numpy as np
import torch

from dataset_builder.music.instruments import CLASSES

Group = tuple[str, ...]


def of_groups(values: np.ndarray, groups: Sequence[Group]) -> np.ndarray:
    """The largest of each group, `[N, G]`, of probabilities or truths `[N, 34]` in the order of `CLASSES`.

    Of a silent clip (NaN) they are NaN.
    """
    places = [[CLASSES.index(name) for name in group] for group in groups]
    return np.stack([values[:, members].max(axis=1) for members in places], axis=1)


def precisions_of(found: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Average precision of each column of probabilities `[N, G]`, given truths `[N, G]`; NaN where nothing is true."""
    from torchmetrics.functional.classification import binary_average_precision

    areas = [
        binary_average_precision(torch.from_numpy(found[:, column]), torch.from_numpy(wanted[:, column]).long()).item()
        if wanted[:, column].any() else np.nan
        for column in range(found.shape[1])
    ]  # fmt: skip
    return np.array(areas)


def group_by_confusion(found: np.ndarray, wanted: np.ndarray, goal: float) -> list[Group]:
    """Groups of the classes that sound, as few merged as reach a mean average precision of `goal`.

    Again and again the group that is recognised worst is put together with that from which it is told apart worst.

    Args:
        found: probabilities `[N, 34]`.
        wanted: whether a class sounds `[N, 34]`.
        goal: mean of the groups' average precisions; where it cannot be reached, two groups are left.
    """
    groups: list[Group] = [(name,) for place, name in enumerate(CLASSES) if wanted[:, place].any()]
    while len(groups) > 2:
        heard, true = of_groups(found, groups), of_groups(wanted, groups)
        precisions = precisions_of(heard, true)
        if precisions.mean() >= goal:
            break
        worst = int(precisions.argmin())
        apart = [_told_apart(heard, true, worst, other) for other in range(len(groups))]
        nearest = int(np.argmin(apart))
        joined = tuple(sorted((*groups[worst], *groups[nearest]), key=CLASSES.index))
        groups = [group for place, group in enumerate(groups) if place not in (worst, nearest)] + [joined]
    return sorted(groups, key=lambda group: CLASSES.index(group[0]))


def _told_apart(found: np.ndarray, wanted: np.ndarray, one: int, other: int) -> float:
    """How often a clip of one sounds more like it, against the other, than a clip of the other does (AUC)."""
    if one == other:
        return np.inf
    only = wanted[:, one] & ~wanted[:, other]
    without = wanted[:, other] & ~wanted[:, one]
    leaning = found[:, one] - found[:, other]
    if not only.any() or not without.any():
        return 1.0
    difference = np.subtract.outer(leaning[only], leaning[without])
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))

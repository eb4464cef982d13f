"""Measures a recogniser of instruments on works that it never heard, and what it cannot tell apart."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from audiocraft.models.encodec import CompressionModel
from tqdm import tqdm

from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import draw_start, read_excerpt
from dataset_builder.errors import UserError
from dataset_builder.music.instruments import CLASSES
from dataset_builder.seeds import rng_for

from ..evaluation.players import through_codec
from ..metrics.instrument_groups import group_by_confusion, of_groups, precisions_of
from ..metrics.recogniser import SAMPLE_RATE, Recogniser

GOAL = 0.75  # mean average precision, through the codec, of what is told apart


@dataclass(frozen=True)
class Trial:
    """What a recogniser is measured on.

    Attributes:
        seconds: of an excerpt.
        seed: by which items and excerpts are drawn.
        items: of each split, at most.
    """

    seconds: float
    seed: int
    items: int


def measured(recogniser: Recogniser, root: Path, codec: CompressionModel, trial: Trial) -> dict[str, Any]:
    """Average precision a class on the test split, as recorded and through the codec, and what counts as heard.

    Above which probability a class counts as heard follows from the validation split: where F1 is best, both ways. So
    does which classes are put together, until their mean average precision through the codec is `GOAL`.
    """
    valid, test = (hear(recogniser, root, split, codec, trial) for split in ("valid", "test"))
    both = np.concatenate([valid.original, valid.codec]), np.concatenate([valid.wanted] * 2)
    ways = {"original": test.original, "codec": test.codec}
    precisions = {way: average_precisions(found, test.wanted) for way, found in ways.items()}
    groups = group_by_confusion(valid.codec, valid.wanted, GOAL)
    wanted = of_groups(test.wanted, groups)
    grouped = {way: precisions_of(of_groups(found, groups), wanted) for way, found in ways.items()}
    return {
        "threshold": dict(zip(CLASSES, best_thresholds(*both), strict=True)),
        "average precision": precisions,
        "mean average precision": {kind: round(float(np.mean([*a.values()])), 3) for kind, a in precisions.items()},
        "groups": [list(group) for group in groups],
        "threshold of groups": best_thresholds(*(of_groups(values, groups) for values in both)),
        "average precision of groups": {way: [_rounded(area) for area in areas] for way, areas in grouped.items()},
        "mean average precision of groups": {way: _rounded(np.nanmean(areas)) for way, areas in grouped.items()},
    }


def _rounded(area: float) -> float | None:
    return None if np.isnan(area) else round(float(area), 3)


@dataclass(frozen=True)
class Heard:
    """What a recogniser hears in items, `[N, 34]`, and what sounds in them.

    Attributes:
        original: as recorded.
        codec: through the codec.
        wanted: whether a class sounds.
    """

    original: np.ndarray
    codec: np.ndarray
    wanted: np.ndarray


def hear(recogniser: Recogniser, root: Path, split: str, codec: CompressionModel, trial: Trial) -> Heard:
    """What a recogniser hears in an excerpt of each stem and submix of a split.

    Raises:
        UserError: if there are none.
    """
    items = [item for item in manifest.load(root, split) if item.kind != "mix"]
    if not items:
        raise UserError(f"{root} has no items in {split}: nothing to be measured on")
    order = rng_for(trial.seed, "recogniser", split).permutation(len(items))[: trial.items]
    original, coded, wanted = [], [], []
    for item in tqdm([items[place] for place in order], f"heard of {split}", unit="item"):
        start = draw_start(item, trial.seconds, rng_for(trial.seed, "recogniser", split, item.id))
        wav = read_excerpt(item, root, start, trial.seconds, SAMPLE_RATE)
        sounding = item.sounding(start, start + trial.seconds)
        wanted.append([name in sounding for name in CLASSES])
        original.append(wav)
        coded.append(through_codec(codec, torch.from_numpy(wav)[None, None])[0, 0].numpy())
    plain, through = (np.nan_to_num(recogniser.probabilities(wavs, SAMPLE_RATE)) for wavs in (original, coded))
    return Heard(plain, through, np.array(wanted))


def average_precisions(found: np.ndarray, wanted: np.ndarray) -> dict[str, float]:
    """Average precision of each class that sounds: probabilities and truths, `[N, 34]`."""
    areas = zip(CLASSES, precisions_of(found, wanted), strict=True)
    return {name: round(float(area), 3) for name, area in areas if not np.isnan(area)}


def best_thresholds(found: np.ndarray, wanted: np.ndarray) -> list[float]:
    """For each column the probability above which F1 is best; one half for one that is never true."""
    steps = np.arange(0.05, 1.0, 0.05)
    hits = np.stack([((found > step) & wanted).sum(0) for step in steps])
    called = np.stack([(found > step).sum(0) for step in steps])
    f1 = 2 * hits / np.maximum(called + wanted.sum(0), 1)
    return [round(float(steps[best]), 2) if wanted[:, place].any() else 0.5 for place, best in enumerate(f1.argmax(0))]

"""Instrument presence: does the generated audio sound like the instruments that the prompt asks for?

For each clip, among the instrument groups that musicnn's tagger can hear, the share of pairs (a requested group, one
not requested) in which the requested one is heard more strongly: an area under the ROC curve within the clip. 1 is
perfect, 0.5 is chance, whatever the number of instruments. "Heard" is the log-odds of the group's tags, standardised
by their mean and deviation over training items (`presence.json`): the tagger says "guitar" far sooner than "choir".

A clip that asks for no group that can be heard, or for all of them, has no score. What the tagger cannot hear (brass,
reeds, organ ...) is not judged at all: the score says nothing about those.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from dataset_builder.captions import INSTRUMENT_TAGS
from dataset_builder.tagger import Tagger, shared_tagger

from .clips import Clips
from .listening import tag_probabilities

CALIBRATION = Path(__file__).with_name("presence.json")


@dataclass(frozen=True)
class Group:
    """Instruments that one set of tags stands for.

    Attributes:
        tags: tags of `INSTRUMENT_TAGS`, averaged.
        similar: classes outside of the group that the tagger takes for it; a prompt that asks for one of them, and for
            none of the group, leaves the group out.
    """

    tags: tuple[str, ...]
    similar: tuple[str, ...] = ()

    @property
    def classes(self) -> frozenset[str]:
        return frozenset(name for tag in self.tags for name in INSTRUMENT_TAGS[tag])


GROUPS: dict[str, Group] = {
    "piano": Group(("piano",)),
    "guitar": Group(("guitar",)),
    "bowed strings": Group(("strings", "violin", "cello"), similar=("synth strings",)),
    "choir": Group(("choir", "choral")),
    "flute": Group(("flute",)),
    "drums": Group(("drums", "beat")),
}


@dataclass(frozen=True)
class Calibration:
    """Mean and standard deviation of each tag's log-odds over items that hold all sorts of instruments."""

    mean: dict[str, float]
    deviation: dict[str, float]

    @classmethod
    @cache
    def shipped(cls) -> "Calibration":
        """Measured by `python -m orchestrator_solver.metrics.calibrate` on the embedded corpus' training items."""
        stored = json.loads(CALIBRATION.read_text())
        return cls(stored["mean"], stored["deviation"])


def group_scores(probabilities: np.ndarray, tags: Sequence[str], calibration: Calibration) -> np.ndarray:
    """How strongly each group of `GROUPS` is heard: tag probabilities `[B, 50]` to standardised log-odds `[B, G]`."""
    odds = log_odds(probabilities)
    column = {tag: number for number, tag in enumerate(tags)}
    scores = [
        np.mean(
            [(odds[:, column[tag]] - calibration.mean[tag]) / calibration.deviation[tag] for tag in group.tags], axis=0
        )
        for group in GROUPS.values()
    ]
    return np.stack(scores, axis=1)


def log_odds(probabilities: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)), with p kept off 0 and 1 by 1e-6."""
    p = np.clip(np.asarray(probabilities, dtype=np.float64), 1e-6, 1 - 1e-6)
    return np.log(p / (1 - p))


def presence(scores: Sequence[float] | np.ndarray, instruments: Sequence[str]) -> float:
    """The score of one clip: group scores `[G]` and the instruments asked for, to 0..1 or NaN. A tie counts half."""
    asked = set(instruments)
    wanted, unwanted = [], []
    for score, group in zip(scores, GROUPS.values(), strict=True):
        if asked & group.classes:
            wanted.append(score)
        elif not asked.intersection(group.similar):
            unwanted.append(score)
    if not wanted or not unwanted:
        return float("nan")
    difference = np.subtract.outer(wanted, unwanted)
    return float(np.mean((difference > 0) + 0.5 * (difference == 0)))


class Presence:
    """`presence` as a `ClipMetric`."""

    label = "presence(musicnn)"
    higher_is_better = True

    def __init__(self, tagger: Tagger | None = None, calibration: Calibration | None = None):
        self.tagger = tagger or shared_tagger()
        self.calibration = calibration or Calibration.shipped()

    def __call__(self, clips: Clips) -> np.ndarray:
        probabilities = tag_probabilities(self.tagger, clips.generated, clips.sample_rate)
        scores = group_scores(probabilities, self.tagger.tags, self.calibration)
        return np.array([presence(row, asked) for row, asked in zip(scores, clips.instruments, strict=True)])

"""Instrument presence: does the generated audio sound like the instruments that the prompt asks for?

For each clip, among the instrument groups that musicnn's tagger can hear, the share of pairs (a requested group, one
not requested) in which the requested one is heard more strongly: an area under the ROC curve within the clip. 1 is
perfect, 0.5 is chance, whatever the number of instruments. "Heard" is the log-odds of the group's tags, standardised
by their mean and deviation over training items (`presence.json`): the tagger says "guitar" far sooner than "choir".

A clip that asks for no group that can be heard, or for all of them, has no score. What the tagger cannot hear (brass,
reeds, organ ...) is not judged at all: the score says nothing about those. What real items reach with their own
instruments, and with another item's, is stored beside the calibration.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from dataset_builder.musicnn.tagger import Tagger, shared_tagger

from .clips import Clips
from .tag_probabilities import tag_probabilities

CALIBRATION = Path(__file__).with_name("presence.json")


@dataclass(frozen=True)
class Group:
    """Instruments that one set of tags stands for.

    Attributes:
        tags: of the tagger, averaged.
        classes: of `dataset_builder.music.instruments.CLASSES`.
        similar: classes outside of the group that the tagger takes for it; a prompt that asks for one of them, and for
            none of the group, leaves the group out.
    """

    tags: tuple[str, ...]
    classes: frozenset[str]
    similar: frozenset[str]


def _group(tags: str, classes: str, similar: str = "") -> Group:
    return Group(tuple(tags.split(", ")), *(frozenset(filter(None, names.split(", "))) for names in (classes, similar)))


# `presence.json` says how well each is told apart.
GROUPS: dict[str, Group] = {
    "piano": _group("piano", "acoustic piano", similar="electric piano, bassoon"),
    "guitar": _group(
        "guitar", "acoustic guitar, clean electric guitar, distorted electric guitar",
        similar="orchestral harp, electric bass",
    ),
    "bowed strings": _group(
        "strings, violin, cello", "violin, viola, cello, contrabass, string ensemble",
        similar="synth strings, trumpet, trombone, french horn, brass section, soprano/alto sax, tenor sax, "
        "baritone sax, clarinet",
    ),
    "harp": _group("harp", "orchestral harp", similar="chromatic percussion, acoustic guitar, electric piano"),
    "choir": _group("choir, choral", "choir and voice", similar="synth pad, synth strings"),
    "flute": _group("flute", "pipe", similar="oboe, english horn, french horn, clarinet"),
    "synthesizer": _group("synth", "synth lead, synth pad, synth strings"),
    "drums": _group("drums, beat", "drums"),
}  # fmt: skip
TAGS_HEARD: tuple[str, ...] = tuple(tag for group in GROUPS.values() for tag in group.tags)


@dataclass(frozen=True)
class Calibration:
    """Mean and standard deviation of each tag's log-odds over items that hold all sorts of instruments."""

    mean: dict[str, float]
    deviation: dict[str, float]

    @classmethod
    @cache
    def shipped(cls) -> "Calibration":
        """Measured on the corpus' training items (`python -m orchestrator_solver.metrics.calibrate_presence`)."""
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
    """Whether a clip sounds like its instruments, see `presence`, as a `ClipMetric`."""

    label = "presence(musicnn)"
    higher_is_better = True

    def __init__(self, tagger: Tagger | None = None, calibration: Calibration | None = None):
        self.tagger = tagger or shared_tagger()
        self.calibration = calibration or Calibration.shipped()

    def __call__(self, clips: Clips) -> np.ndarray:
        probabilities = tag_probabilities(self.tagger, clips.generated, clips.sample_rate)
        scores = group_scores(probabilities, self.tagger.tags, self.calibration)
        return np.array([presence(row, asked) for row, asked in zip(scores, clips.instruments, strict=True)])

"""Which of the instruments that were asked for are heard, and which that were not, by the recogniser.

A class counts as heard above its threshold, which the recogniser's card has from validation works. Classes that it was
never taught are left out, on both sides. A silent clip has no score; one in which no instrument is heard has a
precision of 0, so that nobody gains by playing too softly.
"""

from collections.abc import Callable, Sequence

import numpy as np

from dataset_builder.music.instruments import CLASSES

from .clips import Clips
from .instrument_groups import of_groups
from .recogniser import Recogniser, shipped_recogniser


def _f1(hits: np.ndarray, called: np.ndarray, asked: np.ndarray) -> np.ndarray:
    return 2 * hits / (called + asked)


def _precision(hits: np.ndarray, called: np.ndarray, asked: np.ndarray) -> np.ndarray:
    return np.where(called > 0, hits / called, 0.0)


def _recall(hits: np.ndarray, called: np.ndarray, asked: np.ndarray) -> np.ndarray:
    return hits / asked


SCORES: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "F1": _f1, "precision": _precision, "recall": _recall,
}  # fmt: skip


class Instruments:
    """F1, precision or recall of the instruments that were asked for, clip by clip, as a `ClipMetric`.

    Args:
        score: a name in `SCORES`.
        recogniser: who hears; by default the shipped one.
        grouped: whether classes that it cannot tell apart count as one, see its card.

    Raises:
        UserError: if there is none.
    """

    higher_is_better = True

    def __init__(self, score: str = "F1", recogniser: Recogniser | None = None, grouped: bool = False):
        self.score, self.label = SCORES[score], f"{'groups of ' if grouped else ''}instruments {score}"
        self.recogniser = recogniser or shipped_recogniser()
        card = self.recogniser.card
        self.groups, self.thresholds = [(name,) for name in CLASSES], [card["threshold"][name] for name in CLASSES]
        if grouped:
            self.groups, self.thresholds = [tuple(group) for group in card["groups"]], card["threshold of groups"]

    def provenance(self) -> dict[str, str]:
        """Who hears: another recogniser's scores are others."""
        return self.recogniser.provenance()

    def __call__(self, clips: Clips) -> np.ndarray:
        probabilities = of_groups(self.recogniser.probabilities(clips.generated, clips.sample_rate), self.groups)
        taught = np.array([not self.recogniser.card["trained on"].keys().isdisjoint(group) for group in self.groups])
        heard = (probabilities > self.thresholds) & taught
        asked = of_groups(as_mask(clips.instruments), self.groups) & taught
        hits, called, wanted = ((heard & asked).sum(1), heard.sum(1), asked.sum(1))
        with np.errstate(invalid="ignore", divide="ignore"):
            values = self.score(hits.astype(np.float64), called, wanted)
        undefined = np.isnan(probabilities).any(1) | (wanted == 0)
        return np.where(undefined, np.nan, values)


def as_mask(instruments: Sequence[Sequence[str]]) -> np.ndarray:
    """Lists of classes as `[B, 34]` of truths, in the order of `CLASSES`."""
    return np.array([[name in names for name in CLASSES] for names in instruments], dtype=bool).reshape(
        -1, len(CLASSES)
    )

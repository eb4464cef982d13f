"""Metrics of whole sets of clips: the Fréchet distance on what the networks at hand hear."""

from collections.abc import Sequence

import numpy as np

from dataset_builder.musicnn.tagger import Tagger, shared_tagger

from ..clips import is_silent
from ..recogniser import Recogniser, shipped_recogniser
from ..tag_probabilities import tag_features
from .frechet import frechet_distance


class RecogniserFad:
    """FAD on what the recogniser of instruments tells them by."""

    label = "FAD(recogniser)"
    higher_is_better = False

    def __init__(self, recogniser: Recogniser | None = None):
        self.recogniser = recogniser or shipped_recogniser()

    def embed(self, wavs: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
        return self.recogniser.features(wavs, sample_rate)

    def provenance(self) -> dict[str, str]:
        """Who hears: another recogniser's distances are others."""
        return self.recogniser.provenance()

    def distance(self, generated: np.ndarray, target: np.ndarray) -> float:
        return frechet_distance(generated, target)


class TaggerFad:
    """FAD on the last hidden layer of musicnn's tagger, averaged over each clip's 3 s patches."""

    label = "FAD(musicnn)"
    higher_is_better = False

    def __init__(self, tagger: Tagger | None = None):
        self.tagger = tagger or shared_tagger()

    def embed(self, wavs: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
        audible = np.array([not is_silent(wav) for wav in wavs], dtype=bool)
        found = tag_features(self.tagger, [wav for wav in wavs if not is_silent(wav)], sample_rate)
        rows = np.full((len(wavs), found.shape[1]), np.nan)
        rows[audible] = found
        return rows

    def distance(self, generated: np.ndarray, target: np.ndarray) -> float:
        return frechet_distance(generated, target)

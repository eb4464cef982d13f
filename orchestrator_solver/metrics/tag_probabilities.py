"""What musicnn's tagger hears in clips at any sample rate."""

from collections.abc import Sequence

import numpy as np
import soxr

from dataset_builder.musicnn.tagger import SAMPLE_RATE, Tagger


def tag_probabilities(tagger: Tagger, wavs: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
    """Mean tag probabilities `[B, 50]` of mono clips `[T]`.

    Raises:
        UserError: an empty clip, or NaN in one.
    """
    return tagger.mean_probabilities(_at_its_rate(wavs, sample_rate))


def tag_features(tagger: Tagger, wavs: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
    """Mean of the tagger's last hidden layer `[B, 200]` over mono clips `[T]`; errors as of `tag_probabilities`."""
    return tagger.mean_features(_at_its_rate(wavs, sample_rate))


def _at_its_rate(wavs: Sequence[np.ndarray], sample_rate: int) -> Sequence[np.ndarray]:
    return wavs if sample_rate == SAMPLE_RATE else [soxr.resample(wav, sample_rate, SAMPLE_RATE) for wav in wavs]

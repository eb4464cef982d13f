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
    if sample_rate != SAMPLE_RATE:
        wavs = [soxr.resample(wav, sample_rate, SAMPLE_RATE) for wav in wavs]
    return tagger.mean_probabilities(wavs)

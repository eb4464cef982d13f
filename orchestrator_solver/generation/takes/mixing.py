"""Takes at one loudness, with others and with their reference."""

from collections.abc import Sequence

import numpy as np

from dataset_builder.audio.loudness import normalised

LOUDNESS = -18.0  # LUFS: what most takes reach without passing full scale


def mixed(wavs: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
    """The sum of recordings at equal loudness, as long as the longest `[T]`, normalised.

    Args:
        wavs: mono `[T_i]`.
        sample_rate: of all, in Hz.
    """
    total = np.zeros(max(map(len, wavs)), np.float32)
    for wav in wavs:
        total[: len(wav)] += normalised(wav, sample_rate, LOUDNESS)
    return normalised(total, sample_rate, LOUDNESS)

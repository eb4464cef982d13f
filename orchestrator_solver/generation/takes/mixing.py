"""Takes at one loudness, with others and with their reference."""

from collections.abc import Sequence

import numpy as np

from dataset_builder.audio.loudness import integrated_loudness

LOUDNESS = -18.0  # LUFS: what most takes reach without passing full scale


def normalised(wav: np.ndarray, sample_rate: int, loudness: float = LOUDNESS) -> np.ndarray:
    """Audio `[T]` at a loudness (EBU R 128), or as near as a peak of full scale allows; silence stays silence.

    Args:
        wav: mono.
        sample_rate: in Hz.
        loudness: in LUFS.
    """
    measured = integrated_loudness(wav, sample_rate)
    if not np.isfinite(measured):
        return wav
    gain = 10 ** ((loudness - measured) / 20)
    return wav * np.float32(min(gain, 1 / float(np.abs(wav).max())))


def mixed(wavs: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
    """The sum of recordings at equal loudness, as long as the longest `[T]`, normalised.

    Args:
        wavs: mono `[T_i]`.
        sample_rate: of all, in Hz.
    """
    total = np.zeros(max(map(len, wavs)), np.float32)
    for wav in wavs:
        total[: len(wav)] += normalised(wav, sample_rate)
    return normalised(total, sample_rate)

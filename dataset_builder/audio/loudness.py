"""How loud audio is, after ITU-R BS.1770-4 (EBU R 128)."""

import warnings

import numpy as np

BLOCK = 0.4  # seconds: a shorter sound has no loudness


def integrated_loudness(wav: np.ndarray, sample_rate: int) -> float:
    """Gated loudness of mono audio `[T]` in LUFS; -inf for what is silent, below the gate or shorter than `BLOCK`."""
    from pyloudnorm import Meter

    if len(wav) < BLOCK * sample_rate or not np.any(wav):
        return -np.inf
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # the mean of no block, when all are below the gate
        return float(Meter(sample_rate, block_size=BLOCK).integrated_loudness(wav.astype(np.float64)))


def normalised(wav: np.ndarray, sample_rate: int, loudness: float) -> np.ndarray:
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

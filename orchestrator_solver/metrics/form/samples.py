"""What is wrong with a take's samples themselves: silence, and clipping."""

import numpy as np

from ..clips import Clips

FRAME = 0.05  # seconds
QUIET = 1e-3  # RMS of full scale: -60 dBFS
FULL_SCALE = 1 - 2.0**-15  # the greatest sample of 16 bits


class Silence:
    """Share of the take's frames of 50 ms that stay below -60 dBFS, as a `ClipMetric`; NaN for less than a frame."""

    label = "silence"
    higher_is_better = False

    def __call__(self, clips: Clips) -> np.ndarray:
        length = round(FRAME * clips.sample_rate)
        return np.array([_silent_share(wav, length) for wav in clips.generated], dtype=np.float64)


class Clipping:
    """Share of the take's samples at full scale or beyond, as a `ClipMetric`; NaN for none."""

    label = "clipping"
    higher_is_better = False

    def __call__(self, clips: Clips) -> np.ndarray:
        shares = [np.mean(np.abs(wav) >= FULL_SCALE) if len(wav) else np.nan for wav in clips.generated]
        return np.array(shares, dtype=np.float64)


def _silent_share(wav: np.ndarray, length: int) -> float:
    count = len(wav) // length
    if not count:
        return np.nan
    frames = np.asarray(wav[: count * length], np.float64).reshape(count, length)
    return float(np.mean(np.sqrt(np.square(frames).mean(axis=1)) < QUIET))

"""How far a take's loudness is from its target's, by EBU R 128 (integrated, gated), as `pyloudnorm` measures it."""

import numpy as np

from ..clips import Clips

_BLOCK = 0.4  # seconds, of the gate


class LoudnessDifference:
    """Difference of take and target in LU, without its sign, as a `ClipMetric`.

    Not defined where either is silent (below the gate of -70 LUFS all the time), or shorter than 0.4 s.
    """

    label = "loudness (LU off)"
    higher_is_better = False

    def __call__(self, clips: Clips) -> np.ndarray:
        pairs = zip(clips.generated, clips.targets, strict=True)
        found = [loudness(ours, clips.sample_rate) - loudness(theirs, clips.sample_rate) for ours, theirs in pairs]
        return np.abs(np.array(found, dtype=np.float64))


def loudness(wav: np.ndarray, sample_rate: int) -> float:
    """Integrated loudness of mono audio `[T]` in LUFS; NaN where there is none."""
    if len(wav) < _BLOCK * sample_rate:
        return np.nan
    from pyloudnorm import Meter

    with np.errstate(divide="ignore"):
        found = Meter(sample_rate, block_size=_BLOCK).integrated_loudness(np.asarray(wav, np.float64))
    return float(found) if np.isfinite(found) else np.nan

"""How far a take's loudness is from its target's, by EBU R 128."""

import numpy as np

from dataset_builder.audio.loudness import integrated_loudness

from ..clips import Clips


class LoudnessDifference:
    """Difference of take and target in LU, without its sign, as a `ClipMetric`.

    Not defined where either is silent (below the gate of -70 LUFS all the time), or shorter than 0.4 s.
    """

    label = "loudness (LU off)"
    higher_is_better = False

    def __call__(self, clips: Clips) -> np.ndarray:
        sides = (clips.generated, clips.targets)
        ours, theirs = (np.array([integrated_loudness(wav, clips.sample_rate) for wav in side]) for side in sides)
        audible = np.isfinite(ours) & np.isfinite(theirs)
        difference = np.full(len(ours), np.nan)
        difference[audible] = np.abs(ours[audible] - theirs[audible])
        return difference

"""Whether a take goes at its reference's tempo.

Right is what is within 4 %, as in Gouyon et al. 2006 ("An experimental comparison of audio tempo induction
algorithms"): their first accuracy is the kind `same`, their second, which forgives half, double, a third and three
times the tempo, is `same or octave`: other instruments on the same beat often make a tracker count otherwise. The tempo
is the slope of the tracker's beats; its own figure is too coarse for two to be compared (steps of 5 % at 120 beats a
minute).
"""

import numpy as np

from ..clips import Clips
from .beats import beats_of_all

TOLERANCE = 0.04
OCTAVES = {"same or octave": (1 / 3, 1 / 2, 1, 2, 3), "same": (1,)}
_LEAST_BEATS = 3


def tempo_of(beats: np.ndarray) -> float | None:
    """Beats a minute of beats in seconds, None if there are too few."""
    if len(beats) < _LEAST_BEATS:
        return None
    places = np.arange(len(beats)) - (len(beats) - 1) / 2
    return float(60 * (places @ places) / (places @ beats))


class TempoAgreement:
    """1 where the take goes at the reference's tempo, else 0, as a `ClipMetric`.

    Not defined where the reference has no tempo; a take without one scores 0.

    Args:
        kind: a name in `OCTAVES`: which multiples of the tempo count as it.
    """

    higher_is_better = True

    def __init__(self, kind: str = "same or octave"):
        self.factors, self.label = OCTAVES[kind], f"tempo ({kind})"

    def __call__(self, clips: Clips) -> np.ndarray:
        sides = (clips.references, clips.generated)
        tempi = ([tempo_of(beats) for beats in beats_of_all(side, clips.sample_rate)] for side in sides)
        return np.array([self._agree(wanted, heard) for wanted, heard in zip(*tempi, strict=True)], dtype=np.float64)

    def _agree(self, wanted: float | None, heard: float | None) -> float:
        if wanted is None or heard is None:
            return np.nan if wanted is None else 0.0
        return float(any(abs(heard / (wanted * factor) - 1) <= TOLERANCE for factor in self.factors))

"""Whether a recording is of one instrument: nobody has to separate a bass from itself.

The shipped recogniser says how likely each class is; of classes that it cannot tell apart the likeliest counts. What
all but the likeliest come to together, the number of further instruments to be expected, decides. How often that is
wrong on works that no training saw, `orchestrator bench one-instrument` says: mixes are hardly ever taken for one
instrument, stems more often for several. That is the error to be preferred: a stem that is separated loses little, and
a mix that is not would be followed with its bass and drums.
"""

import numpy as np

from dataset_builder.music.instruments import CLASSES

FURTHER = 0.6  # instruments to be expected beside the likeliest, at most: chosen on validation works
SECONDS, WINDOWS = 4.0, 8  # as long as the recogniser was trained on; as many as are listened to


def further_instruments(wav: np.ndarray, sample_rate: int) -> float:
    """How many instruments are to be expected beside the likeliest, in audio `[T]`; 0 where all is silent."""
    from ...metrics.recogniser import shipped_recogniser

    recogniser = shipped_recogniser()
    found = recogniser.probabilities(_windows(wav, sample_rate), sample_rate)
    heard = found[np.isfinite(found).all(axis=1)]
    if not len(heard):
        return 0.0
    groups = [[CLASSES.index(name) for name in group] for group in recogniser.card["groups"]]
    likely = np.stack([heard[:, group].max(axis=1) for group in groups], axis=1).mean(axis=0)
    return float(likely.sum() - likely.max())


def is_one_instrument(wav: np.ndarray, sample_rate: int) -> bool:
    """Whether audio `[T]` is to be taken for a single instrument's."""
    return further_instruments(wav, sample_rate) <= FURTHER


def _windows(wav: np.ndarray, sample_rate: int) -> list[np.ndarray]:
    """Windows over all of it, evenly; the whole of what is shorter than two."""
    length = round(SECONDS * sample_rate)
    count = min(WINDOWS, len(wav) // length)
    if count < 2:
        return [wav[: 2 * length]]
    return [wav[begin : begin + length] for begin in np.linspace(0, len(wav) - length, count).astype(int)]

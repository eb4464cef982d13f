"""Where the beats of a take are, against those of its reference.

Beats are those of librosa's tracker (Ellis 2007), F1 that of `mir_eval.beat`: beats match within 70 ms (Dixon 2007).
Evaluations of trackers leave out the first 5 s; clips of 8 s have none to spare, so all beats count.
"""

from collections.abc import Sequence

import numpy as np
import soxr

from ..clips import Clips, is_silent

LEAST_SECONDS = 2.0  # in less, no tempo can be heard
_RATE = 22_050  # librosa's own


def beats_of(wav: np.ndarray, sample_rate: int) -> np.ndarray:
    """Beats of mono audio `[T]` in seconds; none where it is silent, short or has no pulse."""
    if len(wav) < LEAST_SECONDS * sample_rate or is_silent(wav):
        return np.zeros(0)
    import librosa

    onsets = librosa.onset.onset_strength(
        y=soxr.resample(np.asarray(wav, np.float32), sample_rate, _RATE), sr=_RATE, aggregate=np.median
    )
    _, beats = librosa.beat.beat_track(onset_envelope=onsets, sr=_RATE, units="time")
    return np.asarray(beats, dtype=np.float64)


def beats_of_all(wavs: Sequence[np.ndarray], sample_rate: int) -> list[np.ndarray]:
    """`beats_of` each clip."""
    return [beats_of(wav, sample_rate) for wav in wavs]


class BeatF1:
    """F1 of the take's beats against the reference's, as a `ClipMetric`.

    Not defined where the reference has no beats; a take without any scores 0.
    """

    label = "beat F1"
    higher_is_better = True

    def __call__(self, clips: Clips) -> np.ndarray:
        pairs = zip(
            beats_of_all(clips.references, clips.sample_rate), beats_of_all(clips.generated, clips.sample_rate),
            strict=True,
        )  # fmt: skip
        return np.array([beat_f1(wanted, heard) for wanted, heard in pairs], dtype=np.float64)


def beat_f1(wanted: np.ndarray, heard: np.ndarray) -> float:
    """F1 of beats in seconds; NaN if none are wanted."""
    from mir_eval.beat import f_measure

    if not len(wanted):
        return np.nan
    return float(f_measure(wanted, heard)) if len(heard) else 0.0

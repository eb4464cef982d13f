"""Whether a take is in its reference's key.

Scores are MIREX's (`mir_eval.key`): 1 for the same, 0.5 for a fifth above, 0.3 for its relative, 0.2 for its parallel,
else 0. Keys are heard as the data set's descriptions have them where there is no MIDI.
"""

import warnings

import numpy as np

from dataset_builder.music.audio_tempo_key import key_of_audio

from ..clips import Clips, is_silent

LEAST_SECONDS = 1.0


class KeyAgreement:
    """MIREX's score of the take's key against the reference's, as a `ClipMetric`.

    Not defined where the reference has no key (silence, drums, less than a second); a take without one scores 0.
    """

    label = "key"
    higher_is_better = True

    def __call__(self, clips: Clips) -> np.ndarray:
        pairs = zip(clips.references, clips.generated, strict=True)
        return np.array(
            [key_score(*(_key(wav, clips.sample_rate) for wav in pair)) for pair in pairs], dtype=np.float64
        )


def key_score(wanted: str | None, heard: str | None) -> float:
    """MIREX's score of keys such as `E- minor`; NaN if none is wanted, 0 if none is heard."""
    if wanted is None or heard is None:
        return np.nan if wanted is None else 0.0
    from mir_eval.key import weighted_score

    return float(weighted_score(wanted.replace("-", "b"), heard.replace("-", "b")))


def _key(wav: np.ndarray, sample_rate: int) -> str | None:
    if len(wav) < LEAST_SECONDS * sample_rate or is_silent(wav):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # librosa's, of sound without pitch: such has no key
        return key_of_audio(np.asarray(wav, np.float32), sample_rate)

"""KL divergence of what a tagger hears in the target and in the generated audio.

The paper's KL is audiocraft's, on PaSST's 527 AudioSet classes (`paper_networks.py`). This one has the same formula on
musicnn's 50 tags, and its own name: the two are not comparable. The tagger's probabilities are independent of each
other (sigmoid); dividing them by their sum makes the distribution that KL needs. (audiocraft applies softmax to the
logits of PaSST, also a network of independent classes; that sharpens, and would let one or two tags decide here.)
"""

from collections.abc import Sequence
from hashlib import sha256

import numpy as np

from dataset_builder.musicnn.tagger import Tagger, shared_tagger

from .clips import Clips
from .tag_probabilities import tag_probabilities

EPSILON = 1e-6  # audiocraft's


def kl_divergence(target: np.ndarray, generated: np.ndarray) -> np.ndarray:
    """KL(target || generated) in nats of each row: `[B, C]` non-negative weights, need not sum to 1, to `[B]`."""
    p, q = (_distribution(np.asarray(rows, dtype=np.float64)) for rows in (target, generated))
    return (p * (np.log(np.maximum(p, np.finfo(float).tiny)) - np.log(q + EPSILON))).sum(axis=1)


def _distribution(rows: np.ndarray) -> np.ndarray:
    return rows / rows.sum(axis=1, keepdims=True)


class TaggerKL:
    """KL(target || generated) of musicnn's tags, averaged over each clip's 3 s patches first, as a `ClipMetric`."""

    label = "KL(musicnn)"
    higher_is_better = False

    def __init__(self, tagger: Tagger | None = None):
        self.tagger = tagger or shared_tagger()
        self._heard: dict[str, np.ndarray] = {}  # 400 bytes a clip: each target is asked for by every row

    def __call__(self, clips: Clips) -> np.ndarray:
        target, generated = (self._tags(wavs, clips.sample_rate) for wavs in (clips.targets, clips.generated))
        return kl_divergence(target, generated)

    def _tags(self, wavs: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
        """Tag probabilities `[B, 50]`; the same clip is heard once."""
        keys = [f"{sample_rate} {sha256(wav.tobytes()).hexdigest()}" for wav in wavs]
        new = {key: wav for key, wav in zip(keys, wavs, strict=True) if key not in self._heard}
        self._heard |= zip(new, tag_probabilities(self.tagger, list(new.values()), sample_rate), strict=True)
        return np.stack([self._heard[key] for key in keys]) if keys else np.zeros((0, len(self.tagger.tags)))

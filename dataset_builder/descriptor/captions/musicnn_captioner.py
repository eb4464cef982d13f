"""What a piece of music sounds like, by musicnn's tagger: the embedded default of the Music Descriptor's first step.

A few words about mood and genre. The paper asks MU-LLaMA; other back ends are in `registry.py`. A captioner never has
to avoid instrument names (MU-LLaMA cannot), the description made of its text does; the tagger's happens to name none.
"""

from collections.abc import Mapping, Sequence

import numpy as np

from ...items.tags import GENRE_TAGS, GENRE_THRESHOLDS, MOOD_TAGS, MOOD_THRESHOLDS, genres, moods
from ...musicnn.tagger import SAMPLE_RATE, Tagger, check_installed, shared_tagger
from .cache import cached_captions
from .captioner import Caption

# What decides a caption beside the sound: kept captions of other thresholds are not these.
IDENTITY = f"musicnn {sorted(MOOD_THRESHOLDS.items())} {sorted(GENRE_THRESHOLDS.items())}"


class MusicnnCaptioner:
    """Names the mood and genre tags that musicnn finds more likely than in most music (see `musicnn/tagger.py`)."""

    name = "musicnn"
    seconds = 10.0
    sample_rate = SAMPLE_RATE

    def __init__(self, tagger: Tagger | None = None):
        """Raises UserError if musicnn is missing; its network is loaded when it is first used."""
        if tagger is None:
            check_installed()
        self._given = tagger

    @property
    def tagger(self) -> Tagger:
        """The network."""
        return self._given or shared_tagger()

    def caption(self, wav: np.ndarray, sample_rate: int) -> Caption:
        """The caption of one clip `[T]`."""
        return self.captions([wav], sample_rate)[0]

    def captions(self, wavs: Sequence[np.ndarray], sample_rate: int) -> list[Caption]:
        """Captions of clips `[T]`, whose parts share the network's forward passes."""
        rows = self.tagger.mean_probabilities([_resampled(wav, sample_rate) for wav in wavs])
        return [_caption(dict(zip(self.tagger.tags, row.tolist(), strict=True))) for row in rows]


def _caption(probabilities: Mapping[str, float]) -> Caption:
    tags = {tag: round(probabilities[tag], 4) for tag in MOOD_TAGS + GENRE_TAGS}
    text = " ".join(filter(None, (", ".join(moods(tags)), " ".join(genres(tags)), "music")))
    return Caption(f"{text[0].upper()}{text[1:]}.", tags)


def _resampled(wav: np.ndarray, sample_rate: int) -> np.ndarray:
    if sample_rate == SAMPLE_RATE or len(wav) == 0:
        return wav
    import soxr

    return soxr.resample(wav, sample_rate, SAMPLE_RATE)


class CachedMusicnnCaptioner(MusicnnCaptioner):
    """musicnn, whose captions are kept on disk by the sound they are of."""

    def captions(self, wavs: Sequence[np.ndarray], sample_rate: int) -> list[Caption]:
        """Captions of clips; the network is run on those alone that it was never run on."""
        ask = super().captions
        return cached_captions(IDENTITY, wavs, sample_rate, lambda missing: ask(missing, sample_rate))

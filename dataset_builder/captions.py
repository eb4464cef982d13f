"""What a piece of music sounds like, by musicnn's tagger: the embedded default of the Music Descriptor's first step.

A few words about mood and genre. The paper asks MU-LLaMA; other back ends are in `captioners.py`. A captioner never has
to avoid instrument names (MU-LLaMA cannot), the description made of its text does; the tagger's happens to name none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from .tagger import SAMPLE_RATE, Tagger, check_installed, shared_tagger

# Which of musicnn's 50 tags say what, and from which probability on a tag is worth a word: about what a quarter of
# rendered music (the embedded corpus) passes. One threshold for all would call nearly everything slow and classical.
# The tags about singers, and "solo", "beat", "no vocals", are about who plays.
_MOODS: dict[str, float] = {"slow": 0.29, "fast": 0.04, "loud": 0.02, "quiet": 0.08, "soft": 0.08, "weird": 0.02}
_GENRES: dict[str, float] = {
    "classical": 0.2, "classic": 0.03, "techno": 0.06, "electronic": 0.1, "rock": 0.04, "ambient": 0.06, "indian": 0.1,
    "pop": 0.03, "new age": 0.03, "dance": 0.01, "country": 0.05, "metal": 0.01,
}  # fmt: skip
MOOD_TAGS: tuple[str, ...] = tuple(_MOODS)
GENRE_TAGS: tuple[str, ...] = tuple(_GENRES)
# Tags that name an instrument, and the classes of `vocabulary.CLASSES` they cover.
INSTRUMENT_TAGS: dict[str, tuple[str, ...]] = {
    "guitar": ("acoustic guitar", "clean electric guitar", "distorted electric guitar"),
    "strings": ("violin", "viola", "cello", "contrabass", "string ensemble"),
    "drums": ("drums",),
    "piano": ("acoustic piano", "electric piano"),
    "violin": ("violin", "viola", "string ensemble"),
    "synth": ("synth lead", "synth pad", "synth strings"),
    "flute": ("pipe",),
    "choir": ("choir and voice",),
    "harp": ("orchestral harp",),
    "cello": ("cello",),
    "choral": ("choir and voice",),
    "beat": ("drums",),
}

# What decides a caption beside the sound: kept captions of other thresholds are not these.
IDENTITY = f"musicnn {sorted(_MOODS.items())} {sorted(_GENRES.items())}"
_SAME = {"classic": "classical", "soft": "quiet"}  # said twice, they would read as a slip
_OPPOSITE = {"slow": "fast", "fast": "slow", "loud": "quiet", "quiet": "loud"}
_MOST = 2  # words of each sort


@dataclass(frozen=True)
class Caption:
    """What a captioner says about one clip.

    Attributes:
        text: one short sentence.
        tags: probability of every mood and genre tag, 0 to 1; empty for captioners that give none.
    """

    text: str
    tags: dict[str, float]


class CaptionError(Exception):
    """A captioner fails on one clip; others may go well."""


class Captioner(Protocol):
    """Describes mono audio. Deterministic: the same samples give the same caption."""

    name: str
    seconds: float  # what it listens to at once
    sample_rate: int  # that it likes, in Hz

    def caption(self, wav: np.ndarray, sample_rate: int) -> Caption:
        """Caption of `wav` `[T]`.

        Raises:
            UserError: empty audio, NaN, or what the captioner needs is missing.
            CaptionError: if it has nothing to say of this clip.
        """
        ...

    def captions(self, wavs: Sequence[np.ndarray], sample_rate: int) -> list[Caption]:
        """Captions of several clips, cheaper than one by one."""
        ...


class MusicnnCaptioner:
    """Words for the mood and genre tags that musicnn hears more than in most music (see `tagger.py`)."""

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
        return self.captions([wav], sample_rate)[0]

    def captions(self, wavs: Sequence[np.ndarray], sample_rate: int) -> list[Caption]:
        rows = self.tagger.mean_probabilities([_resampled(wav, sample_rate) for wav in wavs])
        return [_caption(dict(zip(self.tagger.tags, row.tolist(), strict=True))) for row in rows]


def moods(tags: Mapping[str, float]) -> list[str]:
    """The mood words worth saying, the most marked first; at most two, none that contradict."""
    return _chosen(tags, _MOODS)


def genres(tags: Mapping[str, float]) -> list[str]:
    """The genre words worth saying, the most marked first; at most two."""
    return _chosen(tags, _GENRES)


def _caption(probabilities: Mapping[str, float]) -> Caption:
    tags = {tag: round(probabilities[tag], 4) for tag in MOOD_TAGS + GENRE_TAGS}
    words = " ".join(filter(None, (", ".join(moods(tags)), " ".join(genres(tags)), "music")))
    return Caption(f"{words[0].upper()}{words[1:]}.", tags)


def _chosen(tags: Mapping[str, float], thresholds: Mapping[str, float]) -> list[str]:
    marked = {tag: tags.get(tag, 0.0) / threshold for tag, threshold in thresholds.items()}
    words: list[str] = []
    for tag in sorted((tag for tag in marked if marked[tag] >= 1), key=lambda tag: -marked[tag]):
        word = _SAME.get(tag, tag)
        if word not in words and _OPPOSITE.get(word) not in words:
            words.append(word)
    return words[:_MOST]


def _resampled(wav: np.ndarray, sample_rate: int) -> np.ndarray:
    if sample_rate == SAMPLE_RATE or len(wav) == 0:
        return wav
    import soxr

    return soxr.resample(wav, sample_rate, SAMPLE_RATE)

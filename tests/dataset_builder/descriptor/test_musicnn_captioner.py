"""Captions by musicnn: of the most marked tags, without instruments, at any rate, and once for the same sound."""

import numpy as np
import pytest

from dataset_builder.descriptor.captions.musicnn_captioner import MusicnnCaptioner
from dataset_builder.descriptor.captions.registry import CAPTIONERS, CaptionSettings
from dataset_builder.errors import UserError
from dataset_builder.items.tags import GENRE_TAGS, MOOD_TAGS
from dataset_builder.music.instruments import instrument_words_in
from dataset_builder.musicnn.tagger import TAGS


class FixedTagger:
    """Stands in for the network: every clip has the probabilities given."""

    tags = TAGS

    def __init__(self, **probabilities: float):
        self.probabilities = {tag.replace("_", " "): p for tag, p in probabilities.items()}
        self.lengths: list[int] = []

    def mean_probabilities(self, wavs):
        self.lengths += [len(wav) for wav in wavs]
        return np.tile([self.probabilities.get(tag, 0.0) for tag in TAGS], (len(wavs), 1))


def text_of(**probabilities: float) -> str:
    return MusicnnCaptioner(FixedTagger(**probabilities)).caption(np.zeros(16_000, np.float32), 16_000).text


def test_moods_and_genres_are_those_that_the_network_knows():
    assert set(MOOD_TAGS) | set(GENRE_TAGS) <= set(TAGS)


def test_captions_come_from_the_most_marked_tags():
    assert text_of(slow=0.5, quiet=0.1, classical=0.6) == "Slow, quiet classical music."
    assert text_of(fast=0.2, rock=0.7, metal=0.3, pop=0.2) == "Fast metal rock music."
    assert text_of(slow=0.2, classical=0.15) == "Music."  # said of nearly everything rendered
    assert text_of(new_age=0.4) == "New age music."
    assert text_of(guitar=0.9) == "Music."


def test_tags_hold_every_mood_and_genre():
    caption = MusicnnCaptioner(FixedTagger(slow=0.123456)).caption(np.zeros(16_000, np.float32), 16_000)
    assert caption.tags["slow"] == 0.1235
    assert set(caption.tags) == set(MOOD_TAGS) | set(GENRE_TAGS)


def test_audio_of_any_rate_is_resampled_to_16000_hertz():
    tagger = FixedTagger()
    MusicnnCaptioner(tagger).captions([np.zeros(44_100, np.float32), np.zeros(88_200, np.float32)], 44_100)
    assert tagger.lengths == [16_000, 32_000]


def test_a_caption_of_real_sound_names_no_instrument():
    time = np.arange(4 * 22_050) / 22_050
    tone = (0.3 * np.sin(2 * np.pi * 440 * time)).astype(np.float32)
    captioner = CAPTIONERS["musicnn"](CaptionSettings())
    caption = captioner.caption(tone, 22_050)
    assert caption.text.lower().endswith("music.") and instrument_words_in(caption.text) == []
    assert caption == captioner.caption(tone, 22_050)
    with pytest.raises(UserError):
        captioner.caption(np.zeros(0, np.float32), 22_050)


def test_the_same_sound_is_captioned_once(monkeypatch):
    captioner, clip = CAPTIONERS["musicnn"](CaptionSettings()), np.random.default_rng(1).standard_normal(48_000) / 9
    first = captioner.captions([clip, clip * 0.5], 16_000)
    monkeypatch.setattr(MusicnnCaptioner, "captions", lambda *_: pytest.fail("it was captioned again"))
    assert captioner.captions([clip * 0.5, clip], 16_000) == first[::-1]

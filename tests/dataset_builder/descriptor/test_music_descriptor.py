"""Items are captioned in windows where they sound, and described by their captions."""

from dataclasses import replace

import numpy as np
import pytest

from dataset_builder.descriptor.captions.captioner import Caption, CaptionError
from dataset_builder.descriptor.describers import DESCRIBERS
from dataset_builder.descriptor.music_descriptor import MusicDescriptor, build_from, mean_tags
from dataset_builder.errors import UserError
from dataset_builder.items.item import StemPart

CAPTION_RATE = 16_000


class PeakCaptioner:
    """Says how loud each window is, and keeps the windows."""

    name = "peak"
    seconds, sample_rate = 10.0, CAPTION_RATE

    def __init__(self):
        self.windows = []

    def caption(self, wav, sample_rate):
        return self.captions([wav], sample_rate)[0]

    def captions(self, wavs, sample_rate):
        assert sample_rate == CAPTION_RATE
        self.windows += wavs
        return [Caption(f"Peak {np.abs(wav).max():.2f}.", {"slow": float(i)}) for i, wav in enumerate(wavs)]


class FactsDescriber:
    """Writes down the facts."""

    name = "facts"

    def describe(self, facts):
        return f"{facts.item_id}|{facts.caption}|{facts.tags}|{facts.bpm}|{facts.key}"


@pytest.fixture
def item(make_item):
    stems = tuple(
        StemPart(name, f"train/Track00001/stems/{name}.flac", 1.0, "violin", 40, False) for name in ("S00", "S01")
    )
    activity = {"S00": ((0.0, 2.0),), "S01": ((0.0, 6.0),)}
    return make_item(stems=stems, duration=6.0, activity=activity)


def test_an_item_is_captioned_and_described(item, tiny_slakh):
    captioner = PeakCaptioner()
    described, no_caption = MusicDescriptor(captioner, FactsDescriber(), windows=3).describe(item, tiny_slakh)
    (window,) = captioner.windows  # it is shorter than a window: one, without silence after it
    assert len(window) == 6 * CAPTION_RATE and no_caption == ""
    assert described.caption == f"Peak {np.abs(window).max():.2f}." and described.tags == {"slow": 0.0}
    assert described.description == f"{item.id}|{described.caption}|{described.tags}|80.0|C major"


def test_a_captioner_that_fails_leaves_a_reason_and_a_description(item, tiny_slakh):
    class Failing(PeakCaptioner):
        def captions(self, wavs, sample_rate):
            raise CaptionError("it has nothing to say")

    described, no_caption = MusicDescriptor(Failing(), FactsDescriber(), windows=3).describe(item, tiny_slakh)
    assert (described.caption, described.tags, no_caption) == (None, None, "it has nothing to say")
    assert described.description == f"{item.id}|None|None|80.0|C major"


def test_windows_lie_where_the_item_sounds(make_item, tiny_slakh):
    starts = []

    def read_sum(parts, start, duration, sample_rate):
        assert parts == [(tiny_slakh / stem.path, stem.gain) for stem in item.stems]
        starts.append(start)
        return np.ones(4)

    item = make_item(duration=240.0, activity={"S00": ((100.0, 140.0),)})
    described, _ = MusicDescriptor(PeakCaptioner(), None, windows=3).describe(item, tiny_slakh, read_sum)
    assert len(set(starts)) == 3 and all(95 <= start <= 135 for start in starts)
    assert described.caption == "Peak 1.00." and described.tags == {"slow": 1.0} and described.description is None


def test_with_nothing_to_describe_with_an_item_stays_as_it_is(item, tiny_slakh):
    assert MusicDescriptor(None, None, 3).describe(item, tiny_slakh) == (replace(item, tags=None), "")


def test_mean_tags():
    assert mean_tags([]) is None and mean_tags([Caption("A.", {})]) is None
    assert mean_tags([Caption("A.", {"x": 0.1}), Caption("B.", {"x": 0.2})]) == {"x": 0.15}


def test_an_unknown_back_end_is_refused():
    assert build_from("describer", DESCRIBERS, "none") is None
    with pytest.raises(UserError, match="unknown describer 'claude', known: template, chat, none"):
        build_from("describer", DESCRIBERS, "claude")

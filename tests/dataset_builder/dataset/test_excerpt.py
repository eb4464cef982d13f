"""Excerpts of items are the sums of their files, and are drawn where the item sounds."""

import dataclasses

import numpy as np
import pytest

from dataset_builder.audio import reading
from dataset_builder.audio.spans import overlap, union
from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import audio_files, draw_start, read_excerpt
from dataset_builder.items.item import StemPart
from dataset_builder.seeds import rng_for

FOLDER = "train/Track00001"


@pytest.fixture
def data(tiny_slakh, tmp_path):
    """A data set's folder whose source is the tiny one."""
    manifest.write_origin(tmp_path, manifest.Origin(str(tiny_slakh), {}))
    return tmp_path


@pytest.fixture
def virtual(make_item):
    stems = tuple(
        StemPart(name, f"{FOLDER}/stems/{name}.flac", gain, "violin", 40, False)
        for name, gain in (("S00", 1), ("S01", 0.5))
    )
    return make_item(stems=stems, duration=6.0)


@pytest.mark.parametrize("rate", [16_000, 22_050, 44_100])
def test_a_virtual_item_is_the_sum_of_its_stems_with_their_gains(data, virtual, tiny_slakh, rate):
    stems = tiny_slakh / FOLDER / "stems"
    expected = reading.read(stems / "S00.flac", 1.0, 2.0, rate) + 0.5 * reading.read(stems / "S01.flac", 1.0, 2.0, rate)
    wav = read_excerpt(virtual, data, 1.0, 2.0, rate)
    assert wav.dtype == np.float32 and wav.shape == (2 * rate,)
    np.testing.assert_allclose(wav, expected, atol=1e-6)
    assert np.abs(wav).max() > 0.05


def test_the_sum_of_all_stems_is_the_mix(data, make_item, tiny_slakh):
    parts = tuple(
        StemPart(path.stem, f"{FOLDER}/stems/{path.name}", 1.0, None, 0, False)
        for path in sorted((tiny_slakh / FOLDER / "stems").glob("*.flac"))
    )
    mix = make_item(stems=parts, audio=f"{FOLDER}/mix.flac")
    assert audio_files(mix, data) == [tiny_slakh / FOLDER / "mix.flac"]
    summed = read_excerpt(dataclasses.replace(mix, audio=None), data, 0.5, 3.0, 22_050)
    np.testing.assert_allclose(summed, read_excerpt(mix, data, 0.5, 3.0, 22_050), atol=2**-14)


def test_excerpts_at_any_place_agree_with_the_whole(data, virtual):
    whole = read_excerpt(virtual, data, 0.0, 6.0, 16_000)
    for start in (0.0, 0.32, 1.6, 4.8):
        first = round(start * 16_000)
        excerpt = read_excerpt(virtual, data, start, 1.28, 16_000)
        length = min(len(excerpt), len(whole) - first)
        np.testing.assert_allclose(excerpt[:length], whole[first : first + length], atol=2e-3)
        assert not excerpt[length + 1 :].any()  # silence after the end


def test_the_environment_may_name_the_source(data, virtual, tiny_slakh, monkeypatch):
    manifest.write_origin(data, manifest.Origin("/nowhere", {}))
    monkeypatch.setenv(manifest.SOURCE_VARIABLE, str(tiny_slakh))
    assert read_excerpt(virtual, data, 0.0, 1.0, 16_000).any()


def share(item, start, duration):
    return overlap(union(*item.activity.values()), start, start + duration) / duration


def test_starts_are_drawn_where_the_item_sounds(make_item):
    item = make_item(duration=240.0, activity={"S00": ((200.0, 206.0),), "S01": ((100.0, 112.0),)})
    starts = [draw_start(item, 10.0, rng_for("start", i)) for i in range(200)]
    assert all(0 <= start <= 230 and share(item, start, 10.0) >= 0.499 for start in starts)
    assert any(start > 190 for start in starts) and any(start < 120 for start in starts)


def test_what_sounds_too_shortly_is_drawn_where_it_sounds_most(make_item):
    item = make_item(duration=240.0, activity={"S00": ((10.0, 10.3),), "S01": ((100.0, 101.0),)})
    assert all(share(item, draw_start(item, 10.0, rng_for(i)), 10.0) >= 0.0999 for i in range(50))


@pytest.mark.parametrize("duration", [3.0, 10.0, 30.0])
def test_short_and_silent_items_have_a_start(make_item, duration):
    assert draw_start(make_item(duration=3.0), duration, rng_for(0)) == 0.0
    assert 0 <= draw_start(make_item(duration=30.0, activity={}), 10.0, rng_for(0)) <= 20


def test_a_start_depends_on_the_seed_alone(make_item):
    assert draw_start(make_item(), 2.0, rng_for(1)) == draw_start(make_item(), 2.0, rng_for(1))
    assert draw_start(make_item(), 2.0, rng_for(1)) != draw_start(make_item(), 2.0, rng_for(2))

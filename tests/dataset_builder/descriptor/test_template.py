"""The template's sentences: what they say of mood, genre, tempo and key, and that they name no instrument."""

from itertools import product

from dataset_builder.descriptor.describers import DESCRIBERS
from dataset_builder.descriptor.template import TemplateDescriber
from dataset_builder.items.facts import Facts
from dataset_builder.items.tags import GENRE_TAGS, MOOD_TAGS
from dataset_builder.music.instruments import instrument_words_in
from dataset_builder.music.key import NAMES

QUIET = dict.fromkeys(MOOD_TAGS + GENRE_TAGS, 0.0)


def template(item_id, tags, bpm, key):
    return TemplateDescriber().describe(Facts(item_id, None, tags, bpm, key))


def test_a_sentence_with_mood_genre_tempo_and_key():
    text = template("Track00001-mix", {**QUIET, "quiet": 0.5, "classical": 0.9, "violin": 1.0}, 72.4, "E- major")
    assert all(word in text for word in ("quiet", "slow", "classical", "E-flat major", "72")) and text.endswith(".")


def test_no_description_names_an_instrument():
    """All tags, keys, tempi, and each of the many wordings."""
    tags = [{**QUIET, tag: 1.0} for tag in MOOD_TAGS + GENRE_TAGS] + [None, QUIET]
    for number, (values, key, bpm) in enumerate(product(tags, [*NAMES, None], [None, 40, 90, 120, 160, 200])):
        text = template(f"item {number}", values, bpm, key)
        assert not instrument_words_in(text) and text.count(".") == 1 and "None" not in text and "  " not in text


def test_the_wording_depends_on_the_id_alone():
    found = {template(f"Track{i}-mix", QUIET, 100, "C major") for i in range(100)}
    assert len(found) >= 10
    assert template("Track1-mix", QUIET, 100, "C major") == template("Track1-mix", QUIET, 100, "C major")


def test_the_tempo_stands_for_slow_and_fast():
    text = template("x", {**QUIET, "slow": 0.9}, 150.0, "C major")
    assert "fast" in text and "slow" not in text
    assert "slow" in template("x", {**QUIET, "slow": 0.9}, None, "C major")


def test_articles():
    assert "an ambient" in template("x", {**QUIET, "ambient": 0.9}, None, None).lower()
    assert "an Indian" in template("x", {**QUIET, "indian": 0.9}, None, None).replace("An", "an")
    assert "a simple" in template("x", None, None, None).lower()


def test_describers_are_known_by_name():
    assert DESCRIBERS["template"] is TemplateDescriber

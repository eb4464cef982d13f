"""The words for moods and genres that tags are worth: none that contradict, nothing twice."""

from dataset_builder.items.tags import GENRE_TAGS, MOOD_TAGS, genres, moods


def test_a_tag_is_a_mood_or_a_genre():
    assert not set(MOOD_TAGS) & set(GENRE_TAGS)


def test_no_contradictions_and_nothing_twice():
    assert moods({"slow": 0.4, "fast": 0.5, "quiet": 0.3, "soft": 0.3, "loud": 0.05}) == ["fast", "quiet"]
    assert genres({"classical": 0.4, "classic": 0.5}) == ["classical"]

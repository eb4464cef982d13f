"""What an item's tags say of its mood and genre.

The names are those of MagnaTagATune, which musicnn's tagger gives probabilities of.
"""

from collections.abc import Mapping

# Which of musicnn's 50 tags say what, and from which probability on a tag is worth a word: about what a quarter of
# rendered music (the embedded corpus) passes. One threshold for all would call nearly everything slow and classical.
# The tags about singers, and "solo", "beat", "no vocals", are about who plays.
MOOD_THRESHOLDS: dict[str, float] = {
    "slow": 0.29, "fast": 0.04, "loud": 0.02, "quiet": 0.08, "soft": 0.08, "weird": 0.02,
}  # fmt: skip

GENRE_THRESHOLDS: dict[str, float] = {
    "classical": 0.2, "classic": 0.03, "techno": 0.06, "electronic": 0.1, "rock": 0.04, "ambient": 0.06, "indian": 0.1,
    "pop": 0.03, "new age": 0.03, "dance": 0.01, "country": 0.05, "metal": 0.01,
}  # fmt: skip

MOOD_TAGS: tuple[str, ...] = tuple(MOOD_THRESHOLDS)

GENRE_TAGS: tuple[str, ...] = tuple(GENRE_THRESHOLDS)

_SAME = {"classic": "classical", "soft": "quiet"}  # said twice, they would read as a slip

_OPPOSITE = {"slow": "fast", "fast": "slow", "loud": "quiet", "quiet": "loud"}

_MAX_WORDS = 2  # words of each sort


def moods(tags: Mapping[str, float]) -> list[str]:
    """The mood words worth saying, the most marked first; at most two, none that contradict."""
    return _chosen(tags, MOOD_THRESHOLDS)


def genres(tags: Mapping[str, float]) -> list[str]:
    """The genre words worth saying, the most marked first; at most two."""
    return _chosen(tags, GENRE_THRESHOLDS)


def _chosen(tags: Mapping[str, float], thresholds: Mapping[str, float]) -> list[str]:
    marked = {tag: tags.get(tag, 0.0) / threshold for tag, threshold in thresholds.items()}
    words: list[str] = []
    for tag in sorted((tag for tag in marked if marked[tag] >= 1), key=lambda tag: -marked[tag]):
        word = _SAME.get(tag, tag)
        if word not in words and _OPPOSITE.get(word) not in words:
            words.append(word)
    return words[:_MAX_WORDS]

"""A describer without a language model: sentences of fixed shapes, as the paper's prompt asks for."""

from dataclasses import dataclass

from ..items.facts import Facts
from ..items.tags import genres, moods
from ..music.instruments import instrument_words_in
from ..music.key import spoken_key
from ..seeds import rng_for

_TEMPI = ((60, "very slow"), (80, "slow"), (105, "mid-tempo"), (135, "lively"), (170, "fast"))

_VERY_FAST = "very fast"

_SPELT = {"indian": "Indian"}  # the tags are all lower case

_SHAPES = (
    "{A} piece{key}{tempo}.",
    "{A} track{key}{tempo}.",
    "{A} piece of music{key}{tempo}.",
    "This is {a} tune{key}{tempo}.",
    "The music is {a} piece{key}{tempo}.",
)

_TEMPO_SHAPES = (
    " at around {bpm} BPM",
    ", about {bpm} BPM",
    " with a tempo of {bpm} BPM",
    " at {bpm} beats per minute",
)


@dataclass(frozen=True)
class _Adjectives:
    """Adjectives for a piece: mood and tempo before genre."""

    pace: str | None
    moods: tuple[str, ...]
    genres: tuple[str, ...]

    def text(self) -> str:
        adjectives = ", ".join(filter(None, (*self.moods, self.pace)))
        return " ".join(filter(None, (adjectives, *self.genres))) or "simple"


class TemplateDescriber:
    """A sentence from mood and genre tags, tempo and key; the item's id seeds its wording."""

    name = "template"

    def describe(self, facts: Facts) -> str:
        rng = rng_for(facts.item_id, "description")
        shape = _SHAPES[int(rng.integers(len(_SHAPES)))]
        tempo = _TEMPO_SHAPES[int(rng.integers(len(_TEMPO_SHAPES)))]
        adjectives = _adjectives(facts).text()
        article = "an" if adjectives[0].lower() in "aeiou" else "a"
        text = shape.format(
            A=f"{article.capitalize()} {adjectives}", a=f"{article} {adjectives}",
            key=f" in {spoken_key(facts.key)}" if facts.key else "",
            tempo=tempo.format(bpm=round(facts.bpm)) if facts.bpm else "",
        )  # fmt: skip
        assert not instrument_words_in(text), text
        return text


def _adjectives(facts: Facts) -> _Adjectives:
    """Those of a piece: the tempo's stands for the tagger's slow and fast, which it may contradict."""
    tags = facts.tags or {}
    pace = None
    if facts.bpm:
        pace = next((name for limit, name in _TEMPI if facts.bpm < limit), _VERY_FAST)
    found = tuple(mood for mood in moods(tags) if pace is None or mood not in ("slow", "fast"))
    return _Adjectives(pace, found[:1], tuple(_SPELT.get(genre, genre) for genre in genres(tags)[:1]))

"""One sentence about a piece without naming an instrument: the Music Descriptor's second step, the template back end."""

from collections.abc import Mapping

from .captions import GENRE_TAGS, MOOD_TAGS
from .seeds import rng_for

_LEAST = 0.1  # a tag below this is not worth a word
_TEMPI = ((60, "very slow"), (80, "slow"), (105, "moderate"), (135, "lively"), (170, "fast"))
_SHAPES = (
    "{A} {words} piece in {key} at around {bpm} BPM.",
    "{A} {words} track in {key}, {tempo}, about {bpm} BPM.",
    "{A} {tempo} and {words} tune in {key} with a tempo of {bpm} BPM.",
)


def template(item_id: str, tags: Mapping[str, float] | None, bpm: float | None, key: str | None) -> str:
    """A sentence from mood and genre tags, tempo and key, as the paper's prompt asks a language model for.

    Args:
        item_id: seeds the wording.
        tags: a captioner's probabilities; tags of instruments are not read.
        bpm: quarters a minute.
        key: such as `G minor`.
    """
    words = " ".join([*_likely(tags, MOOD_TAGS)[:1], *_likely(tags, GENRE_TAGS)[:1]]) or "simple"
    shape = _SHAPES[int(rng_for(item_id, "description").integers(len(_SHAPES)))]
    tempo = next((name for limit, name in _TEMPI if (bpm or 100) < limit), "very fast")
    text = shape.format(A="A", words=words, tempo=tempo, key=key or "no clear key", bpm=round(bpm) if bpm else "?")
    if bpm is None:
        text = f"A {words} piece in {key or 'no clear key'}."
    first = text.split()[1]
    return ("An" + text[1:]) if first[0] in "aeiou" else text


def _likely(tags: Mapping[str, float] | None, names: tuple[str, ...]) -> list[str]:
    return sorted((name for name in names if (tags or {}).get(name, 0) >= _LEAST), key=lambda name: -(tags or {})[name])


DESCRIBERS = {"template": template}

"""Every prompt that drawing excerpts of an item can come to, so that their text states can be computed beforehand."""

from collections.abc import Iterator

import numpy as np

from dataset_builder.errors import UserError
from dataset_builder.items import prompt
from dataset_builder.items.item import Item

from ..data.excerpt_sampling import ExcerptSampling


def prompts_of(item: Item, seconds: float, sampling: ExcerptSampling) -> set[str]:
    """The prompts of all excerpts of an item, by what sounds in each.

    Args:
        item: which one.
        seconds: of an excerpt.
        sampling: how prompts are drawn.

    Raises:
        UserError: if any part of the names may be named: too many prompts.
    """
    if sampling.names_partial:
        raise UserError(
            "orchestrator.names_partial=true has too many prompts to compute their texts beforehand: set it to false"
        )
    described = item.description if sampling.description_p > 0 else None
    texts = {described, None} if sampling.description_p < 1 else {described}
    found = {prompt.compose(names, text) for names in _words(item, seconds, sampling) for text in texts}
    if sampling.names_p < 1:
        found.add(prompt.compose((), item.description))
    return found - {""}


def _words(item: Item, seconds: float, sampling: ExcerptSampling) -> Iterator[tuple[str, ...]]:
    """What the prompt calls what sounds in an excerpt, for every start that makes a difference."""
    grid = sampling.grid
    last = max(0.0, item.duration - seconds)
    starts = np.arange(0, round(last / grid) + 1) * grid
    edges = np.array([edge for spans in item.activity.values() for span in spans for edge in span])
    # Who sounds long enough can only change where an edge of a span comes into the excerpt or leaves it.
    near = np.concatenate([edges, edges - seconds]) if len(edges) else np.zeros(1)
    wanted = {0, len(starts) - 1}
    for place in np.floor(near / grid).astype(int):
        wanted.update(range(place - 1, place + 3))
    for index in sorted(wanted):
        if 0 <= index < len(starts):
            yield item.words(starts[index], starts[index] + seconds, sampling.instrument_words)

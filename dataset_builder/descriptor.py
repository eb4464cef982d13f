"""The Music Descriptor over items: a caption of what they sound like, and one sentence of it with tempo and key."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path

import numpy as np

from .captions import CAPTIONERS, Caption, Captioner
from .descriptions import DESCRIBERS, Describer, Facts
from .errors import UserError
from .excerpt import draw_start, read_files
from .items import Item
from .seeds import rng_for

CAPTION_SECONDS = 10.0
CAPTION_RATE = 16_000


def build_from(kind: str, known: Mapping[str, Callable[[], object]], name: str) -> object | None:
    """An object of the class that `name` stands for; None for "none".

    Raises:
        UserError: for a name that is not known.
    """
    if name == "none":
        return None
    if name not in known:
        raise UserError(f"unknown {kind} {name!r}, known: {', '.join(known)}, none")
    return known[name]()


class MusicDescriptor:
    """Captions and describes items.

    Args:
        captioner: None gives no captions.
        describer: None gives no descriptions.
        windows: how many windows of 10 s of an item are captioned.
    """

    def __init__(self, captioner: Captioner | None, describer: Describer | None, windows: int):
        self.captioner, self.describer, self.windows = captioner, describer, windows

    @staticmethod
    @cache
    def load(captions: str, descriptions: str, windows: int) -> "MusicDescriptor":
        """The descriptor of these back ends, once a process.

        Raises:
            UserError: for a name that is not known, or a back end that lacks something.
        """
        captioner = build_from("captioner", CAPTIONERS, captions)
        describer = build_from("describer", DESCRIBERS, descriptions)
        return MusicDescriptor(captioner, describer, windows)  # type: ignore[arg-type]

    def describe(self, item: Item, source_root: Path) -> Item:
        """The item with caption, tags and description."""
        captions = self._captions(item, source_root)
        text = " ".join(dict.fromkeys(caption.text for caption in captions)) or None
        tags = mean_tags(captions)
        sentence = None
        if self.describer is not None:
            sentence = self.describer.describe(Facts(item.id, text, tags, item.bpm, item.key))
        return replace(item, caption=text, tags=tags, description=sentence)

    def _captions(self, item: Item, source_root: Path) -> list[Caption]:
        """Captions of windows in which the item sounds."""
        if self.captioner is None:
            return []
        windows = 1 if item.duration <= CAPTION_SECONDS else self.windows
        starts = [draw_start(item, CAPTION_SECONDS, rng_for(item.id, "caption", index)) for index in range(windows)]
        seconds = min(CAPTION_SECONDS, item.duration)
        wavs = [read_files(item, source_root, start, seconds, CAPTION_RATE) for start in starts]
        return list(self.captioner.captions(wavs, CAPTION_RATE))


def mean_tags(captions: list[Caption]) -> dict[str, float] | None:
    """The mean probability of each tag over several captions; None where there are none."""
    if not captions or not captions[0].tags:
        return None
    return {name: round(float(np.mean([caption.tags[name] for caption in captions])), 4) for name in captions[0].tags}

"""The Music Descriptor over items: a caption of what they sound like, and one sentence of it with tempo and key."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from ..audio import reading
from ..dataset.excerpt import draw_start, parts_of
from ..errors import UserError
from ..items.facts import Facts
from ..items.item import Item
from ..seeds import rng_for
from .captions.captioner import Caption, Captioner, CaptionError
from .captions.registry import CaptionSettings, build_captioner
from .describers import DESCRIBERS, Describer


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


class ReadSum(Protocol):
    """Reads an excerpt of files that are added: `reading.read_sum`, or a `TrackAudio`'s."""

    def __call__(
        self, parts: Sequence[tuple[Path, float]], start: float, duration: float, sample_rate: int
    ) -> np.ndarray: ...


class DescribedItem(NamedTuple):
    """An item with its texts, and why it has no caption if the captioner fails on it; empty if it does not."""

    item: Item
    no_caption: str


class MusicDescriptor:
    """Captions and describes items.

    Args:
        captioner: None gives no captions.
        describer: None gives no descriptions.
        windows: how many windows of an item are captioned, each as long as the captioner listens at once.
    """

    def __init__(self, captioner: Captioner | None, describer: Describer | None, windows: int):
        self.captioner, self.describer, self.windows = captioner, describer, windows

    @staticmethod
    @cache
    def load(captions: CaptionSettings, descriptions: str) -> "MusicDescriptor":
        """The descriptor of these back ends, once a process.

        Raises:
            UserError: for a name that is not known, or a back end that lacks something.
        """
        describer = build_from("describer", DESCRIBERS, descriptions)
        return MusicDescriptor(build_captioner(captions), describer, captions.windows)  # type: ignore[arg-type]

    def describe(self, item: Item, source_root: Path, read_sum: ReadSum = reading.read_sum) -> DescribedItem:
        """Caption windows of an item and describe it.

        Args:
            item: without caption, tags and description.
            source_root: the paths of the item's files are relative to it.
            read_sum: reads the windows.
        """
        captions: list[Caption] = []
        reason = ""
        if self.captioner is not None:
            wavs = windows_of(item, source_root, self.captioner, self.windows, read_sum)
            try:
                captions = list(self.captioner.captions(wavs, self.captioner.sample_rate))
            except CaptionError as error:
                reason = str(error)
        return DescribedItem(self.with_texts(item, captions), reason)

    def with_texts(self, item: Item, captions: list[Caption]) -> Item:
        """The item with what these captions of its windows come to, and with the description of that."""
        text = " ".join(dict.fromkeys(caption.text for caption in captions)) or None
        tags = mean_tags(captions)
        sentence = None
        if self.describer is not None:
            sentence = self.describer.describe(Facts(item.id, text, tags, item.bpm, item.key))
        return replace(item, caption=text, tags=tags, description=sentence)


def windows_of(
    item: Item, source_root: Path, captioner: Captioner, count: int, read_sum: ReadSum = reading.read_sum
) -> list[np.ndarray]:
    """Clips `[T]` of an item where it sounds, as long and as sampled as a captioner likes them; the whole, if short."""
    length, rate = captioner.seconds, captioner.sample_rate
    windows = 1 if item.duration <= length else count
    starts = [draw_start(item, length, rng_for(item.id, "caption", index)) for index in range(windows)]
    parts = parts_of(item, source_root)
    return [read_sum(parts, start, min(length, item.duration), rate) for start in starts]


def mean_tags(captions: list[Caption]) -> dict[str, float] | None:
    """The mean probability of each tag over several captions; None where there are none."""
    if not captions or not captions[0].tags:
        return None
    return {name: round(float(np.mean([caption.tags[name] for caption in captions])), 4) for name in captions[0].tags}

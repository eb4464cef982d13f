"""The fixed excerpts of held-out works that every row of the table is scored on."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import draw_start, read_excerpt
from dataset_builder.items import prompt
from dataset_builder.items.item import Item
from dataset_builder.music.instruments import PITCHED
from dataset_builder.seeds import rng_for

from ..data.reference_policy import best_reference
from ..data.works import work_namer
from ..generation.reference_audio import ReferenceAudio
from ..generation.request import Description, Request
from ..metrics.clips import Clips
from .reference_notes import notes_of
from .rows import PROMPTINGS


@dataclass(frozen=True)
class TestExcerpt:
    """One excerpt to be played, with what it is played from.

    Attributes:
        root: the data set's folder.
        item: the target.
        work: its composition, see `data.works.work_namer`.
        start: in seconds.
        seconds: how long.
        references: the item it is conditioned on, by policy.
        instrument_words: how its prompts call the instruments, a name in `NAMINGS`.
        described: whose description a model is given: the target's (the paper's way), or the reference's.
    """

    __test__ = False  # pytest: not a test class

    root: Path
    item: Item
    work: str
    start: float
    seconds: float
    references: dict[str, Item]
    instrument_words: str = "classes"
    described: str = "target"

    @property
    def end(self) -> float:
        """In seconds."""
        return self.start + self.seconds

    @property
    def sounding(self) -> tuple[str, ...]:
        """Instruments that sound in it."""
        return self.item.sounding(self.start, self.end)

    @property
    def instruments(self) -> tuple[str, ...]:
        """What a model is asked to play on: of the whole item if none sounds in the excerpt."""
        return self.sounding or self.item.instruments

    @property
    def words(self) -> tuple[str, ...]:
        """What prompts call these instruments."""
        return self.item.words(self.start, self.end, self.instrument_words)

    def prompts(self, policy: str) -> dict[str, str]:
        """What a model is told, by prompting."""
        return {which: prompt.compose(self.words, self.description(which, policy).text) for which in PROMPTINGS}

    def description(self, prompting: str, policy: str) -> Description:
        """The data set's, of the target or of what is played from; or none."""
        if prompting == "without":
            return Description()
        item = self.item if self.described == "target" else self.references[policy]
        return Description(item.description, "data set")

    def fell_back(self, policy: str) -> bool:
        """Whether there was no reference as the policy wants it, so that the target is its own."""
        return policy != "self" and self.references[policy].id == self.item.id

    def record(self) -> dict[str, Any]:
        """What the list of excerpts says of it."""
        references = {policy: item.id for policy, item in self.references.items()}
        return {
            "item": self.item.id, "work": self.work, "start": self.start, "seconds": self.seconds,
            "references": references, "instruments": list(self.instruments),
            "prompts": {policy: self.prompts(policy) for policy in references},
        }  # fmt: skip

    def target(self, rate: int) -> np.ndarray:
        """What stands in the data set `[T]`."""
        return read_excerpt(self.item, self.root, self.start, self.seconds, rate)

    def reference(self, policy: str, rate: int) -> ReferenceAudio:
        """What a model is to follow."""
        item = self.references[policy]
        wav = read_excerpt(item, self.root, self.start, self.seconds, rate)
        return ReferenceAudio(wav, rate, one_stem=item.kind == "stem")

    def request(self, reference: ReferenceAudio, prompting: str, policy: str) -> Request:
        """What a model is asked for."""
        return Request(reference, self.instruments, self.description(prompting, policy), self.words)


def clips_of(
    excerpts: Sequence[TestExcerpt], requests: Sequence[Request], targets: Sequence[np.ndarray],
    generated: Sequence[np.ndarray], rate: int, policy: str,
) -> Clips:  # fmt: skip
    """What metrics are given of excerpts: what was asked for, what stands in the data set and what was played `[T]`."""
    return Clips(
        generated, targets, [request.reference.wav for request in requests],
        [excerpt.sounding for excerpt in excerpts], [request.prompt for request in requests], rate,
        [notes_of(e.references[policy], e.root, e.start, e.seconds) for e in excerpts],
    )  # fmt: skip


def choose(
    root: Path, split: str, count: int, seconds: float, policies: tuple[str, ...], grid: float,
    instrument_words: str = "classes", described: str = "target",
) -> list[TestExcerpt]:  # fmt: skip
    """`count` excerpts, one an item, in turns from every work; the first of them are the same for any larger count.

    Items that hold no pitched instrument are left out: their own chroma says nothing of a melody.

    Args:
        root: the data set's folder.
        split: of it.
        count: how many, at most.
        seconds: how long.
        policies: of which references are chosen.
        grid: seconds between which excerpts may start, see `OrchestratorModel.grid`.
        instrument_words: how their prompts call the instruments, a name in `NAMINGS`.
        described: whose description they are given, see `TestExcerpt`.
    """
    items = manifest.load(root, split)
    known, work_of = {item.id: item for item in items}, work_namer(root)
    by_track: dict[str, list[Item]] = {}
    for item in items:
        if set(item.instruments) & PITCHED and item.duration >= seconds:
            by_track.setdefault(item.track, []).append(item)
    for track, members in by_track.items():
        order = rng_for("evaluation", track).permutation(len(members))
        by_track[track] = [members[i] for i in order]
    turns = max(map(len, by_track.values()), default=0)
    chosen = [members[turn] for turn in range(turns) for _, members in sorted(by_track.items()) if turn < len(members)]
    excerpts = (_excerpt(root, item, work_of(item), seconds, known, policies, grid) for item in chosen[:count])
    return [replace(excerpt, instrument_words=instrument_words, described=described) for excerpt in excerpts]


def _excerpt(
    root: Path, item: Item, work: str, seconds: float, known: dict[str, Item], policies: tuple[str, ...], grid: float
) -> TestExcerpt:
    start = round(draw_start(item, seconds, rng_for("evaluation", item.id)) / grid) * grid
    references = {policy: best_reference(item, start, start + seconds, known, policy) for policy in policies}
    return TestExcerpt(root, item, work, start, seconds, references)

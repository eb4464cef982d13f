"""The fixed excerpts of held-out works that every row of the table is scored on."""

from dataclasses import dataclass
from pathlib import Path

from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import draw_start
from dataset_builder.items import prompt
from dataset_builder.items.item import Item
from dataset_builder.music.instruments import PITCHED
from dataset_builder.seeds import rng_for

from ..data.reference_policy import best_reference
from .works import work_namer


@dataclass(frozen=True)
class TestExcerpt:
    """One excerpt to be played, with what it is played from.

    Attributes:
        item: the target.
        work: its composition, see `work_namer`.
        start: in seconds.
        references: the item it is conditioned on, by policy.
        prompts: what is asked for, `without` and `with` description.
    """

    __test__ = False  # pytest: not a test class

    item: Item
    work: str
    start: float
    references: dict[str, Item]
    prompts: dict[str, str]


def choose(
    root: Path, split: str, count: int, seconds: float, policies: tuple[str, ...], grid: float
) -> list[TestExcerpt]:
    """`count` excerpts, one an item, in turns from every work; the first of them are the same for any larger count.

    Items that hold no pitched instrument are left out: their own chroma says nothing of a melody.

    Args:
        root: the data set's folder.
        split: of it.
        count: how many, at most.
        seconds: how long.
        policies: of which references are chosen.
        grid: seconds between which excerpts may start, see `OrchestratorModel.grid`.
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
    return [_excerpt(item, work_of(item), seconds, known, policies, grid) for item in chosen[:count]]


def _excerpt(
    item: Item, work: str, seconds: float, known: dict[str, Item], policies: tuple[str, ...], grid: float
) -> TestExcerpt:
    start = round(draw_start(item, seconds, rng_for("evaluation", item.id)) / grid) * grid
    names = item.sounding(start, start + seconds) or item.instruments
    references = {policy: best_reference(item, start, start + seconds, known, policy) for policy in policies}
    prompts = {"without": prompt.compose(names, None), "with": prompt.compose(names, item.description)}
    return TestExcerpt(item, work, start, references, prompts)

"""The works of the embedded corpus: scores inside the installed music21 package.

`works.json` lists each with its composer, the licence statement that applies to its encoding, and its split. Only
public-domain compositions are listed, and only files whose encoding may be used freely: collections that reserve
rights (Palestrina, Essen, the `.krn` chorales) or come from a modern edition (Monteverdi's fifth book, the Trecento)
are left out. Pieces of one `group` (the movements of a quartet) share a split, and chorales of one tune do, too.
Nothing of the scores is copied here: they are read from the package; `python -m dataset_builder.nano.check_works`
compares the list with it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SPLITS = ("train", "valid", "test")


@dataclass(frozen=True)
class Work:
    """One score of the corpus.

    Attributes:
        number: position in the list, from 1; the track's number is made of it.
        id: stable name, the seed of everything drawn for the work.
        path: of the score, relative to music21's corpus folder.
        group: the composition it belongs to; a group is never spread over splits.
        style: sets the tempo where the score has none ("chorale", "madrigal", "classical", ...).
        split: "train", "valid" or "test".
        licence: the statement under which the encoding may be used.
        lines: what the score's lines are, from melody to bass ("line", "poly", "bass"), as `score.read` finds them.
    """

    number: int
    id: str
    path: str
    title: str
    composer: str
    group: str
    style: str
    split: str
    licence: str
    lines: tuple[str, ...] = ()


@cache
def load() -> tuple[Work, ...]:
    """Return all works, in their fixed order."""
    entries = json.loads(Path(__file__).with_name("works.json").read_text(encoding="utf-8"))
    return tuple(Work(**{**entry, "lines": tuple(entry.get("lines", ()))}) for entry in entries)


def select(count: int | None) -> tuple[Work, ...]:
    """Return `count` works with all splits and as many composers as fit, always the same ones.

    Sixteen give 10 for training, 2 for validation and 4 for the test; None gives every work. Expects 3 or more.
    """
    works = load()
    if count is None or count >= len(works):
        return works
    valid = max(1, count // 8)
    test = max(1, count // 4)
    quota = {"train": max(1, count - valid - test), "valid": valid, "test": test}
    chosen = [work for split in SPLITS for work in _varied([w for w in works if w.split == split], quota[split])]
    return tuple(sorted(chosen, key=lambda work: work.number))


def _varied(works: Sequence[Work], count: int) -> list[Work]:
    """Pick `count` works, taking one of each composer in turn."""
    by_composer: dict[str, list[Work]] = defaultdict(list)
    for work in works:
        by_composer[work.composer].append(work)
    picked: list[Work] = []
    while len(picked) < count and any(by_composer.values()):
        for queue in by_composer.values():
            if queue and len(picked) < count:
                picked.append(queue.pop(0))
    return picked

"""How many items a data set will have, from metadata alone, beside the paper's."""

from collections import Counter
from dataclasses import dataclass
from math import comb
from pathlib import Path

from tqdm import tqdm

from ..errors import UserError
from ..sources.registry import READERS, empty_splits
from ..sources.slakh_index import omitted_tracks, published
from ..sources.splits import SPLITS
from . import submixes
from .grouping import parts_of

PAPER = {"train": 25538, "valid": 5375, "test": 2950}
KINDS = ("mix", "stem", "submix")
_LISTED = 20  # stems without a class: Slakh2100 has hundreds (sound effects, ethnic, percussive)


@dataclass(frozen=True)
class Plan:
    """What will be built.

    Attributes:
        of: what was counted, for a heading.
        tracks: by split.
        items: by split and kind.
        unreadable: a line for each track whose metadata could not be read.
        classless: a line for each stem that has no instrument class, which will be left out.
        omitted: tracks that are left out as redux does.
        beside_paper: whether the paper's counts are of the same data.
        lacking: a line about splits that have no track, with the cure.
    """

    of: str
    tracks: dict[str, int]
    items: dict[str, dict[str, int]]
    unreadable: tuple[str, ...] = ()
    classless: tuple[str, ...] = ()
    omitted: int = 0
    beside_paper: bool = True
    lacking: str | None = None

    def total(self, split: str) -> int:
        """Items of a split."""
        return sum(self.items[split].values())

    def _paper(self, value: str | int) -> str:
        return f"{value:>9}" if self.beside_paper else ""

    def text(self) -> str:
        """The plan for a terminal."""
        lines = [f"{self.of}: items before silent or broken stems are left out"]
        lines.append(
            f"{'split':8}{'tracks':>8}"
            + "".join(f"{kind:>8}" for kind in KINDS)
            + f"{'items':>9}"
            + self._paper("paper")
        )
        for split in SPLITS:
            counts = "".join(f"{self.items[split][kind]:8}" for kind in KINDS)
            lines.append(f"{split:8}{self.tracks[split]:8}{counts}{self.total(split):9}{self._paper(PAPER[split])}")
        if self.omitted:
            lines.append(f"not counted: {self.omitted} tracks that redux omits")
        lines += [f"warning: {self.lacking}"] if self.lacking else []
        lines += [f"not counted: {line}" for line in self.unreadable]
        lines += [f"not counted: {line}" for line in self.classless[:_LISTED]]
        if (more := len(self.classless) - _LISTED) > 0:
            lines.append(f"not counted: {more} more stems without an instrument class (--json lists them)")
        return "\n".join(lines)


def plan_published(version: str, per_size: int) -> Plan:
    """Count the published data set (`redux` or `original`): mix, every rendered stem, `per_size` submixes a size."""
    tracks: Counter[str] = Counter()
    items: Counter[tuple[str, str]] = Counter()
    for track in published(version):
        tracks[track.split] += 1
        items[track.split, "mix"] += 1
        items[track.split, "stem"] += len(track.stems)
        items[track.split, "submix"] += sum(min(per_size, comb(len(track.stems), size)) for size in submixes.SIZES)
    return Plan(f"Slakh2100 {version}, as published", dict(tracks), _by_split(items))


def plan_folder(
    root: Path, per_size: int, grouping: str = "stem", source: str = "slakh", *, omit: bool = False
) -> Plan:
    """Count a source by the metadata, or the files' names, of its tracks.

    Args:
        root: the source's folder.
        per_size: submixes of each size.
        grouping: a name in `GROUPINGS`.
        source: a name in `READERS`.
        omit: leave out the tracks of the original Slakh2100 that redux omits.

    Raises:
        UserError: if there are no tracks.
    """
    reader = READERS[source]
    tracks: Counter[str] = Counter()
    items: Counter[tuple[str, str]] = Counter()
    unreadable, classless = [], []
    found = reader.find_tracks(root)
    kept = [track for track in found if not (omit and track[1].name in omitted_tracks())]
    for split, folder in tqdm(kept, "metadata", unit="track"):
        try:
            track = reader.read_track(folder, split)
        except UserError as error:
            unreadable.append(str(error))
            continue
        named = [stem for stem in track.stems if stem.instrument]
        classless += [f"{track.id} {stem.id}: {stem.unnamed}" for stem in track.stems if not stem.instrument]
        parts = parts_of(named, grouping)
        tracks[split] += 1
        items[split, "mix"] += bool(named)
        items[split, "stem"] += len(parts)
        groups = [submixes.choose(track.id, parts, size, per_size) for size in submixes.SIZES]
        items[split, "submix"] += sum(map(len, groups))
    counts = {split: tracks[split] for split in SPLITS}
    omitted = len(found) - len(kept)
    return Plan(
        str(root), counts, _by_split(items), tuple(unreadable), tuple(classless), omitted, source == "slakh",
        empty_splits(source, +tracks),
    )  # fmt: skip


def _by_split(items: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    return {split: {kind: items[split, kind] for kind in KINDS} for split in SPLITS}

"""How many items a data set will have, from metadata alone, beside the paper's."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from math import comb
from pathlib import Path

from tqdm import tqdm

from . import submixes
from .errors import UserError
from .grouping import parts_of
from .sources import slakh
from .sources.slakh_index import published

SPLITS = ("train", "valid", "test")
PAPER = {"train": 25538, "valid": 5375, "test": 2950}
KINDS = ("mix", "stem", "submix")


@dataclass(frozen=True)
class Plan:
    """What will be built.

    Attributes:
        of: what was counted, for a heading.
        tracks: by split.
        items: by split and kind.
        unreadable: a line for each track whose metadata could not be read.
        classless: stems of programs that have no instrument class, which will be left out.
    """

    of: str
    tracks: dict[str, int]
    items: dict[str, dict[str, int]]
    unreadable: tuple[str, ...] = ()
    classless: int = 0

    def total(self, split: str) -> int:
        """Items of a split."""
        return sum(self.items[split].values())

    def text(self) -> str:
        """The plan for a terminal."""
        lines = [f"{self.of}: items before silent or broken stems are left out"]
        lines.append(
            f"{'split':8}{'tracks':>8}" + "".join(f"{kind:>8}" for kind in KINDS) + f"{'items':>9}{'paper':>9}"
        )
        for split in SPLITS:
            counts = "".join(f"{self.items[split][kind]:8}" for kind in KINDS)
            lines.append(f"{split:8}{self.tracks[split]:8}{counts}{self.total(split):9}{PAPER[split]:9}")
        if self.classless:
            lines.append(
                f"{self.classless} stems have no instrument class (sound effects, ethnic, percussive): not counted"
            )
        lines += [f"not counted: {line}" for line in self.unreadable]
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


def plan_folder(root: Path, per_size: int, grouping: str = "stem", folders: Iterable[tuple[str, Path]] = ()) -> Plan:
    """Count a folder in Slakh's layout, by the metadata of its tracks.

    Args:
        root: the source's folder.
        per_size: submixes of each size.
        grouping: a name in `GROUPINGS`.
        folders: split and folder of the tracks; all that are found below `root` by default.

    Raises:
        UserError: if there are no tracks.
    """
    tracks: Counter[str] = Counter()
    items: Counter[tuple[str, str]] = Counter()
    unreadable, classless = [], 0
    for split, folder in tqdm(list(folders) or slakh.find_tracks(root), "metadata", unit="track"):
        try:
            track = slakh.read_track(folder, split)
        except UserError as error:
            unreadable.append(str(error))
            continue
        named = [stem for stem in track.stems if stem.instrument]
        classless += len(track.stems) - len(named)
        parts = parts_of(named, grouping)
        tracks[split] += 1
        items[split, "mix"] += 1
        items[split, "stem"] += len(parts)
        groups = [submixes.choose(track.id, parts, size, per_size) for size in submixes.SIZES]
        items[split, "submix"] += sum(map(len, groups))
    return Plan(str(root), {split: tracks[split] for split in SPLITS}, _by_split(items), tuple(unreadable), classless)


def _by_split(items: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    return {split: {kind: items[split, kind] for kind in KINDS} for split in SPLITS}

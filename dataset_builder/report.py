"""What a build made and what it left out, counted."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from .items import Item
from .left_out import LeftOut


@dataclass(frozen=True)
class Report:
    """Counts of a data set.

    Attributes:
        items: by split and kind.
        tracks: by split.
        hours: of items by split.
        instruments: items in which each sounds.
        left_out: by reason.
    """

    items: dict[str, dict[str, int]]
    tracks: dict[str, int]
    hours: dict[str, float]
    instruments: dict[str, int]
    left_out: dict[str, int]

    def text(self) -> str:
        """The report for a terminal."""
        lines = [f"{'split':8}{'tracks':>8}{'mix':>8}{'stem':>8}{'submix':>8}{'hours':>8}"]
        for split, kinds in self.items.items():
            counts = "".join(f"{kinds.get(kind, 0):8}" for kind in ("mix", "stem", "submix"))
            lines.append(f"{split:8}{self.tracks[split]:8}{counts}{self.hours[split]:8.2f}")
        lines.append(f"{len(self.instruments)} instruments: " + ", ".join(self.instruments))
        total = sum(self.left_out.values())
        lines.append(f"left out: {total}" + ("" if not total else " (left_out.jsonl lists them)"))
        lines += [f"  {count:6}  {reason}" for reason, count in self.left_out.items()]
        return "\n".join(lines)


def make_report(items: Sequence[Item], left_out: Sequence[LeftOut]) -> Report:
    """Count items and what was left out."""
    splits = [split for split in ("train", "valid", "test") if any(item.split == split for item in items)]
    by_split = {split: [item for item in items if item.split == split] for split in splits}
    reasons = Counter(f"{line.what}: {line.reason}" for line in left_out)
    return Report(
        items={split: dict(Counter(item.kind for item in members)) for split, members in by_split.items()},
        tracks={split: len({item.track for item in members}) for split, members in by_split.items()},
        hours={split: round(sum(item.duration for item in members) / 3600, 3) for split, members in by_split.items()},
        instruments=dict(Counter(name for item in items for name in item.instruments).most_common()),
        left_out=dict(reasons.most_common()),
    )

"""What a build made and what it left out, counted: a tally of each track, added up in the tracks' order."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import ClassVar

from ..audio.spans import union
from ..audit.exclusions import LeftOut
from ..errors import UserError
from ..items.item import Item
from ..runtime.untrusted import read_regular, validated
from .costs import Cost

REPORT = "report.json"
KINDS = ("mix", "stem", "submix")
SPLITS = ("train", "valid", "test")
NO_KEY, NO_TEMPO, NO_DESCRIPTION = "none", "none", "none"
TEMPO_STEP, WORDS_STEP = 20, 5  # widths of the histograms' bins: BPM, words
_LARGEST = 1 << 24  # bytes
_SHOWN = 5  # keys in the terminal's report


@dataclass
class Tally:
    """Counts of a track's items, and their milliseconds: whole numbers, which add up to the same in any order."""

    items: Counter[tuple[str, str]] = field(default_factory=Counter)
    tracks: Counter[str] = field(default_factory=Counter)
    milliseconds: Counter[tuple[str, str]] = field(default_factory=Counter)
    sounding: Counter[str] = field(default_factory=Counter)
    instruments: Counter[str] = field(default_factory=Counter)
    tempi: Counter[str] = field(default_factory=Counter)
    keys: Counter[str] = field(default_factory=Counter)
    words: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Tally") -> None:
        """Add another tally's counts to this one's."""
        for name, counts in vars(other).items():
            getattr(self, name).update(counts)


def tally(items: Sequence[Item], left_out: Iterable[LeftOut]) -> Tally:
    """Count a track's items, and what of it was left out."""
    counts = Tally()
    counts.left_out.update(f"{line.what}: {line.reason}" for line in left_out)
    for item in items:
        counts.items[item.split, item.kind] += 1
        counts.milliseconds[item.split, item.kind] += round(1000 * item.duration)
        spans = union(*item.activity.values())
        counts.sounding[item.kind] += round(1000 * sum(last - first for first, last in spans))
        counts.instruments.update(item.instruments)
        counts.words[_bin(_words(item.description), WORDS_STEP, NO_DESCRIPTION)] += 1
    for item in items[:1]:
        counts.tracks[item.split] += 1
        counts.tempi[_bin(item.bpm, TEMPO_STEP, NO_TEMPO)] += 1
        counts.keys[next((item.key for item in items if item.key), NO_KEY)] += 1
    return counts


def _words(text: str | None) -> int | None:
    return None if text is None else len(text.split())


def _bin(value: float | None, step: int, nothing: str) -> str:
    """The name of the bin that a value falls into, such as `80-99`."""
    if value is None:
        return nothing
    low = int(value) // step * step
    return f"{low}-{low + step - 1}"


@dataclass(frozen=True)
class Report:
    """Counts of a data set.

    Attributes:
        items: by split and kind.
        tracks: by split.
        hours: of items by split.
        hours_of_kind: of items by kind.
        silent: share of the items' time in which nothing of them sounds, by kind.
        instruments: items in which each sounds.
        tempi: tracks by BPM.
        keys: tracks by key.
        words: items by words of their description.
        left_out: by reason.
        cost: of the language model in all runs: calls, tokens_in, tokens_out, dollars (None: the price is not known);
            empty if none was asked.
    """

    __pydantic_config__: ClassVar[Mapping[str, object]] = {"strict": True, "allow_inf_nan": False, "extra": "forbid"}

    items: dict[str, dict[str, int]]
    tracks: dict[str, int]
    hours: dict[str, float]
    hours_of_kind: dict[str, float]
    silent: dict[str, float]
    instruments: dict[str, int]
    tempi: dict[str, int]
    keys: dict[str, int]
    words: dict[str, int]
    left_out: dict[str, int]
    cost: dict[str, int | float | None] = field(default_factory=dict)

    def text(self) -> str:
        """The report for a terminal."""
        lines = [f"{'split':8}{'tracks':>8}{'mix':>8}{'stem':>8}{'submix':>8}{'hours':>10}"]
        for split, kinds in self.items.items():
            counts = "".join(f"{kinds.get(kind, 0):8}" for kind in KINDS)
            lines.append(f"{split:8}{self.tracks[split]:8}{counts}{self.hours[split]:10.2f}")
        lines.append("silent: " + ", ".join(f"{share:.0%} of {kind}" for kind, share in self.silent.items()))
        lines.append("BPM: " + _counts(self.tempi))
        keys = dict(list(self.keys.items())[:_SHOWN])
        more = len(self.keys) - len(keys)
        lines.append("key: " + _counts(keys) + (f", and {more} others" if more > 0 else ""))
        lines.append("words of a description: " + _counts(self.words))
        lines.append(f"{len(self.instruments)} instruments: " + ", ".join(self.instruments))
        total = sum(self.left_out.values())
        lines.append(f"left out: {total}" + ("" if not total else " (left_out.jsonl lists them)"))
        lines += [f"  {count:6}  {reason}" for reason, count in self.left_out.items()]
        return "\n".join([*lines, *([f"language model: {self.cost_text()}"] if self.cost else [])])

    def cost_text(self) -> str:
        """What the language model has cost, in words."""
        return Cost(**self.cost).text()  # type: ignore[arg-type]


def _counts(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{name} ({count})" for name, count in counts.items()) or "-"


def report_of(tallies: Iterable[Tally], cost: Mapping[str, float | None]) -> Report:
    """Add up the tallies of a data set's tracks; `cost` is the language model's, see `Report`."""
    total = Tally()
    for counts in tallies:
        total.add(counts)
    splits = [split for split in SPLITS if total.tracks[split]]
    kinds = [kind for kind in KINDS if any(total.items[split, kind] for split in splits)]
    lengths = {kind: sum(total.milliseconds[split, kind] for split in splits) for kind in kinds}
    return Report(
        items={
            split: {kind: total.items[split, kind] for kind in kinds if total.items[split, kind]} for split in splits
        },
        tracks={split: total.tracks[split] for split in splits},
        hours={split: _hours(sum(total.milliseconds[split, kind] for kind in kinds)) for split in splits},
        hours_of_kind={kind: _hours(lengths[kind]) for kind in kinds},
        silent={kind: round(1 - total.sounding[kind] / lengths[kind], 4) for kind in kinds},
        instruments=dict(total.instruments.most_common()),
        tempi=_in_order(total.tempi),
        keys=dict(total.keys.most_common()),
        words=_in_order(total.words),
        left_out=dict(total.left_out.most_common()),
        cost=dict(cost),
    )


def _hours(milliseconds: int) -> float:
    return round(milliseconds / 3_600_000, 3)


def _in_order(bins: Mapping[str, int]) -> dict[str, int]:
    """Bins by their lower bound, the nameless one last."""
    names = sorted(bins, key=lambda name: int(name.partition("-")[0]) if name[0].isdigit() else 10**9)
    return {name: bins[name] for name in names}


def read_report(root: Path) -> Report:
    """The report of a finished data set.

    Raises:
        UserError: if it is not finished, or its report is another version's.
    """
    path = root / REPORT
    try:
        report = _parsed(read_regular(path, _LARGEST))
        if not report.items.keys() == report.tracks.keys() == report.hours.keys():
            raise ValueError("items, tracks and hours are not of the same splits")
        if report.cost and report.cost.keys() != {each.name for each in fields(Cost)}:
            raise ValueError(f"cost says {', '.join(report.cost):.80}")
        return report
    except FileNotFoundError as error:
        raise UserError(f"no {path}: expected a finished data set; build it first") from error
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is torn or another version's ({error}): run check --repair") from error


def _parsed(data: bytes) -> Report:
    """A report from its JSON.

    Raises:
        ValueError: if a field is missing, or holds what none may.
    """
    from pydantic import TypeAdapter

    found: Report = validated(TypeAdapter(Report).validator, data)  # type: ignore[arg-type]
    return found

"""How often a recording is wrongly taken for one instrument's, or for several's: stems against mixes and submixes."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from dataset_builder.bench.measurement import Report
from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import draw_start, read_excerpt
from dataset_builder.errors import UserError
from dataset_builder.items.item import Item
from dataset_builder.seeds import rng_for

from ...metrics.recogniser import SAMPLE_RATE
from .one_instrument import is_one_instrument

_SEED = 2036


@dataclass(frozen=True)
class Errors:
    """Of items that are alike.

    Attributes:
        what: which.
        wrong: for how many of them the answer is wrong.
        count: of them.
    """

    what: str
    wrong: int
    count: int


@dataclass(frozen=True)
class ErrorsReport(Report):
    """Errors by kind of item.

    Attributes:
        data: name of the data set.
        split: of it.
        seconds: of an excerpt.
        rows: by kind.
    """

    data: str
    split: str
    seconds: float
    rows: tuple[Errors, ...]

    def text(self) -> str:
        """A line a kind."""
        lines = [
            f"{row.what:20}{row.wrong:5} of {row.count:4} wrong ({row.wrong / row.count:.1%})" for row in self.rows
        ]
        return "\n".join([f"one instrument or several, by {self.seconds:g} s of items in {self.split}:", *lines])


def measure_errors(root: Path, split: str, seconds: float) -> ErrorsReport:
    """Ask of an excerpt of each item that sounds in a split, whose instruments are of different classes.

    Raises:
        UserError: if there is none.
    """
    wrong: dict[str, list[bool]] = {}
    for item in tqdm(list(_told_apart(root, split)), "heard", unit="item"):
        start = draw_start(item, seconds, rng_for(_SEED, "one instrument", item.id))
        wav = read_excerpt(item, root, start, min(seconds, item.duration), SAMPLE_RATE)
        kind = item.kind if item.kind != "submix" else f"submix of {len(item.stems)}"
        wrong.setdefault(kind, []).append(is_one_instrument(wav, SAMPLE_RATE) != (item.kind == "stem"))
    if not wrong:
        raise UserError(f"{root} has no items in {split}: nothing to be measured on")
    rows = tuple(Errors(kind, sum(found), len(found)) for kind, found in sorted(wrong.items()))
    return ErrorsReport(root.name, split, seconds, rows)


def _told_apart(root: Path, split: str) -> Iterator[Item]:
    """Items of one stem, and of several classes."""
    for item in manifest.items_of(root, split):
        if item.kind == "stem" or len(set(item.instruments)) > 1:
            yield item

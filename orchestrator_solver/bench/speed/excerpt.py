"""Reading a random excerpt of a virtual item, against audiocraft's reading of an item that is one file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from audiocraft.data.audio import audio_read
from audiocraft.data.audio_utils import convert_audio

from dataset_builder.bench.build import build_virtual
from dataset_builder.bench.comparison import Comparison, compare
from dataset_builder.bench.measurement import Report
from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import read_excerpt
from dataset_builder.errors import UserError
from dataset_builder.items.item import Item
from dataset_builder.seeds import rng_for

STEMS = 4
SECONDS = 30.0
RATE = 32_000  # MusicGen's


@dataclass(frozen=True)
class ExcerptReport(Report):
    """Times of one process, as one worker of a DataLoader.

    Attributes:
        excerpt: of all excerpts.
        excerpts: how many.
        source_rate: of the files, in Hz.
    """

    excerpt: Comparison
    excerpts: int
    source_rate: int

    def text(self) -> str:
        """The report for a terminal."""
        ours, theirs = (
            1000 * min(seconds) / self.excerpts for seconds in (self.excerpt.our_seconds, self.excerpt.their_seconds)
        )
        return f"{self.excerpt.text()}\n  an excerpt takes {ours:.1f} and {theirs:.1f} ms (best turn)"

    def to_json(self) -> dict[str, Any]:
        """All of it, as plain values for JSON."""
        return {**vars(self), "excerpt": self.excerpt.to_json()}


def bench_excerpt(root: Path, folder: Path, excerpts: int, repeats: int) -> ExcerptReport:
    """Read `excerpts` excerpts both ways, at the same times of the same tracks.

    audiocraft reads the mix (seek, decode, convert, as its MusicDataset does); we read four stems of it. torch has one
    thread, as in a DataLoader's worker.

    Raises:
        UserError: if no track is long enough.
    """
    torch.set_num_threads(1)
    data = folder / "data"
    build_virtual(root, data, workers=2)
    pairs = [pair for split in manifest.SPLITS for pair in _pairs(manifest.load(data, split))]
    if not pairs:
        raise UserError(f"{root} has no track of {SECONDS:.0f} s with {STEMS} instruments: give another --root")
    jobs = [(*pairs[index % len(pairs)], index) for index in range(excerpts)]
    draws = [
        (item, mix, float(rng_for(item.id, index).uniform(0, item.duration - SECONDS))) for item, mix, index in jobs
    ]
    source = manifest.source_root(data)

    def ours() -> None:
        for item, _, start in draws:
            read_excerpt(item, data, start, SECONDS, RATE)

    def theirs() -> None:
        for _, mix, start in draws:
            wav, rate = audio_read(source / str(mix.audio), start, SECONDS, pad=False)
            convert_audio(wav, rate, RATE, 1)

    for once in (ours, theirs):
        once()  # the files are in the page cache then, for both sides
    what = f"{excerpts} excerpts of {SECONDS:.0f} s, {draws[0][0].sample_rate} to {RATE} Hz"
    names = (f"virtual item of {STEMS} stems", "audiocraft, one file")
    compared = compare(what, (names[0], ours), (names[1], theirs), repeats)
    return ExcerptReport(compared, excerpts, draws[0][0].sample_rate)


def _pairs(items: Sequence[Item]) -> list[tuple[Item, Item]]:
    """A virtual item of four stems and the mix of its track, for each track that is long enough."""
    mixes = {item.track: item for item in items if item.kind == "mix" and item.duration > SECONDS}
    found = {item.track: item for item in items if item.audio is None and len(item.stems) == STEMS}
    return [(item, mixes[track]) for track, item in found.items() if track in mixes]

"""Proof that a finished data set is whole: manifests, sidecars, audio and references belong together."""

import gzip
import json
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

from tqdm import tqdm

from . import audio, manifest
from .errors import UserError
from .items import Item
from .vocabulary import instrument_words_in

_TOLERANCE = 0.01  # seconds between an item's duration and its files'


def check(root: Path) -> list[str]:
    """What is wrong with a data set, a line for each fault; none if it is whole.

    Raises:
        UserError: if there is no data set, or a manifest or sidecar is broken.
    """
    base = manifest.source_root(root)
    splits = {split: manifest.load(root, split) for split in manifest.SPLITS}
    faults = list(_across_splits(splits))
    for split, items in splits.items():
        faults += _of_manifest(root, split, items)
    items = [item for members in splits.values() for item in members]
    by_id = {item.id: item for item in items}
    for item in tqdm(items, "check", unit="item", disable=None):
        faults += [f"{item.id}: {fault}" for fault in (*_of_fields(item, by_id), *_of_audio(item, base))]
    return faults


def _across_splits(splits: dict[str, list[Item]]) -> Iterator[str]:
    """Tracks or ids that stand twice."""
    seen: set[str] = set()
    split_of: dict[str, str] = {}
    for split, items in splits.items():
        for item in items:
            if item.id in seen:
                yield f"{item.id}: stands twice"
            if split_of.setdefault(item.track, split) != split:
                yield f"{item.id}: its track is in {split_of[item.track]} and in {split}"
            seen.add(item.id)


def _of_manifest(root: Path, split: str, items: Sequence[Item]) -> Iterator[str]:
    """Lines of audiocraft's manifest that say something else than their sidecars."""
    with gzip.open(root / "egs" / split / "data.jsonl.gz", "rt") as file:
        lines = [json.loads(line) for line in file]
    for line, item in zip(lines, items, strict=True):
        expected = manifest.meta_line(item)
        for name in sorted(name for name, value in expected.items() if line.get(name) != value):
            yield f"{item.id}: the manifest says {name} {line.get(name)}, its sidecar {expected[name]}"
        if item.split != split:
            yield f"{item.id}: is in the manifest of {split}, its sidecar says {item.split}"


def _of_fields(item: Item, by_id: dict[str, Item]) -> Iterator[str]:
    if not item.instruments:
        yield "no instruments"
    if words := instrument_words_in(item.description or ""):
        yield f"its description names {', '.join(words)}"
    if missing := [stem.id for stem in item.stems if not item.activity.get(stem.id)]:
        yield f"no activity of {', '.join(missing)}"
    spans = [span for spans in item.activity.values() for span in spans]
    if any(not 0 <= first < last <= item.duration + _TOLERANCE for first, last in spans):
        yield "activity outside of its duration"
    for reference in item.references:
        other = by_id.get(reference.item)
        if other is None or other.track != item.track:
            yield f"its reference {reference.item} is not an item of its track"


def _of_audio(item: Item, base: Path) -> Iterator[str]:
    """Files that are missing, or not as long as the item."""
    durations = []
    for path in [item.audio] if item.audio else [stem.path for stem in item.stems]:
        try:
            durations.append(_duration(base / path))
        except UserError as error:
            yield str(error)
            return
    if abs(max(durations) - item.duration) > _TOLERANCE:
        yield f"lasts {item.duration:.2f} s, its audio {max(durations):.2f} s"


@cache
def _duration(path: Path) -> float:
    return audio.info(path).duration

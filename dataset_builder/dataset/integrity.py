"""Proof that a finished data set is whole: every hash is right, and manifests, sidecars, audio and references agree."""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ..audio import reading
from ..errors import UserError
from ..items.item import Item
from ..music.instruments import instrument_words_in
from ..runtime.checksums import digest_if_there, read_checksums
from ..runtime.process_pool import parallel_map
from . import manifest, materialise
from .finalize import SUMS
from .source_links import require_held

_TOLERANCE = 0.01  # seconds between an item's duration and its files'
_CHUNK = 48  # items of a job: about one track's, so that it reads most files once


@dataclass(frozen=True)
class _Line:
    """An item as a manifest names it, and the hash that its sidecar should have."""

    split: str
    meta: dict[str, Any]
    digest: str | None


@dataclass
class _Findings:
    """What a job found.

    Attributes:
        faults: a line each.
        items: id, split of its manifest, and track of each item.
        references: by track and referenced item, an item that refers to it.
    """

    faults: list[str] = field(default_factory=list)
    items: list[tuple[str, str, str]] = field(default_factory=list)
    references: dict[tuple[str, str], str] = field(default_factory=dict)


def check(root: Path, workers: int = 1) -> list[str]:
    """What is wrong with a data set, a line for each fault; none if it is whole.

    Raises:
        UserError: if there is no finished data set.
    """
    base = manifest.source_root(root)
    sums = read_checksums(root / SUMS)
    lines, faults = [], list(_of_files(root, sums))
    for split in manifest.SPLITS:
        try:
            metas = manifest.read_split(root, split)
        except UserError as error:
            faults.append(str(error))
            continue
        lines += [_Line(split, meta, sums.get(str(meta["info_path"]))) for meta in metas]
    chunks = [lines[start : start + _CHUNK] for start in range(0, len(lines), _CHUNK)]
    findings = parallel_map(_of_chunk, [(root, base, chunk) for chunk in chunks], workers, "check", "part")
    faults += [fault for found in findings for fault in found.faults]
    return faults + list(_across(findings)) + _of_materialised(root, lines, workers)


def _of_files(root: Path, sums: dict[str, str]) -> Iterator[str]:
    """Files whose bytes changed, and sidecars that do not belong to the data set; sidecars themselves: `_of_chunk`."""
    for name, digest in sums.items():
        if not name.startswith("items/") and (found := digest_if_there(root / name)) != digest:
            yield f"{name} is missing" if found is None else f"{name} is not what was written"
    for path in sorted((root / "items").glob("*.json")):
        if f"items/{path.name}" not in sums:
            yield f"items/{path.name} is not of this data set"


def _of_chunk(root: Path, base: Path, lines: Sequence[_Line]) -> _Findings:
    """Check some items, each by itself."""
    findings = _Findings()
    for line in lines:
        name = str(line.meta["info_path"])
        try:
            data = manifest.read_sidecar(root, root / name)
            item = manifest.parse_sidecar(data, root / name)
        except (OSError, ValueError) as error:
            findings.faults.append(f"{name} is missing or torn ({type(error).__name__}: {error})")
            continue
        faults = [*_of_line(line, item), *_of_fields(item), *_of_audio(item, root, base)]
        if hashlib.sha256(data).hexdigest() != line.digest:
            faults.append("its sidecar is not what was written")
        findings.faults += [f"{item.id}: {fault}" for fault in faults]
        findings.items.append((item.id, line.split, item.track))
        findings.references.update({(item.track, reference.item): item.id for reference in item.references})
    return findings


def _of_line(line: _Line, item: Item) -> Iterator[str]:
    """What audiocraft's manifest says otherwise than the sidecar."""
    expected = manifest.meta_line(item)
    for name in sorted(name for name, value in expected.items() if line.meta.get(name) != value):
        yield f"the manifest says {name} {line.meta.get(name)}, its sidecar {expected[name]}"
    if item.split != line.split:
        yield f"is in the manifest of {line.split}, its sidecar says {item.split}"


def _of_fields(item: Item) -> Iterator[str]:
    if not item.instruments:
        yield "no instruments"
    if words := instrument_words_in(item.description or ""):
        yield f"its description names {', '.join(words)}"
    if missing := [stem.id for stem in item.stems if not item.activity.get(stem.id)]:
        yield f"no activity of {', '.join(missing)}"
    spans = [span for spans in item.activity.values() for span in spans]
    if any(not 0 <= first < last <= item.duration + _TOLERANCE for first, last in spans):
        yield "activity outside of its duration"


def _of_audio(item: Item, root: Path, base: Path) -> Iterator[str]:
    """Files that are missing, or not as long as the item."""
    try:
        require_held(item, root)
    except UserError as error:
        yield str(error)
        return
    durations = []
    for path in item.files:
        try:
            durations.append(_duration(base / path))
        except UserError as error:
            yield str(error)
            return
    if abs(max(durations) - item.duration) > _TOLERANCE:
        yield f"lasts {item.duration:.2f} s, its audio {max(durations):.2f} s"


@cache
def _duration(path: Path) -> float:
    return reading.info(path).duration


def _across(findings: Sequence[_Findings]) -> Iterator[str]:
    """Items that stand twice, tracks in two splits, references to items that are not of the track."""
    track_of: dict[str, str] = {}
    split_of: dict[str, str] = {}
    for item, split, track in (entry for found in findings for entry in found.items):
        if item in track_of:
            yield f"{item}: stands twice"
        if split_of.setdefault(track, split) != split:
            yield f"{item}: its track is in {split_of[track]} and in {split}"
        track_of[item] = track
    for found in findings:
        for (track, reference), item in found.references.items():
            if track_of.get(reference) != track:
                yield f"{item}: its reference {reference} is not an item of its track"


def _of_materialised(root: Path, lines: Sequence[_Line], workers: int) -> list[str]:
    """What is wrong with the files of a materialised set, if it is one."""
    if not (root / materialise.SUMS).is_file():
        return []
    sums, faults = read_checksums(root / materialise.SUMS), []
    for split in manifest.SPLITS:
        path = materialise.manifest_path(root, split)
        expected = [materialise.line_of(root, line.meta) for line in lines if line.split == split]
        if not path.is_file() or manifest.read_lines(path) != expected:
            faults.append(f"{path.relative_to(root)} is not of this place and data set: materialise it again")
    names = [Path(str(line.meta["info_path"])).with_suffix(".flac").as_posix() for line in lines]
    chunks = [names[start : start + _CHUNK] for start in range(0, len(names), _CHUNK)]
    jobs = [(root, {name: sums.get(name) for name in chunk}) for chunk in chunks]
    found = parallel_map(_of_flacs, jobs, workers, "check files", "part")
    return [*faults, *(fault for part in found for fault in part)]


def _of_flacs(root: Path, digests: dict[str, str | None]) -> list[str]:
    """Files that are missing, links that lead nowhere, FLACs whose bytes changed."""
    faults = []
    for name, digest in digests.items():
        if not (root / name).exists():
            faults.append(f"{name} is missing")
        elif not (root / name).is_symlink() and digest_if_there(root / name) != digest:
            faults.append(f"{name} is not what was written")
    return faults

"""The last stage: sidecars, manifests and the report, from the tracks' results alone, in the tracks' order.

`SHA256SUMS` is written at the very end, in the format of `sha256sum --check`, and says that the data set is finished.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..audit.exclusions import LeftOut
from ..errors import UserError
from ..items.item import Item
from ..items.track_results import TrackResult, read_result, result_path
from ..runtime import atomic
from ..runtime.checksums import digest_of, write_checksums
from . import manifest
from .costs import total_cost
from .report import REPORT, Report, Tally, report_of, tally
from .report_page import page

SUMS = "SHA256SUMS"
LEFT_OUT, REPORT_PAGE = "left_out.jsonl", "report.html"


@dataclass(frozen=True)
class TrackSummary:
    """What the end needs of a track.

    Attributes:
        lines: split and manifest line of each item.
        left_out: what of the track was left out.
        counts: for the report.
        sums: path relative to the data set and SHA-256 of each file that belongs to the track.
    """

    lines: tuple[tuple[str, dict[str, Any]], ...]
    left_out: tuple[LeftOut, ...]
    counts: Tally
    sums: tuple[tuple[str, str], ...]


def finish_track(
    out: Path, track_id: str, result: TrackResult | None = None, instrument_words: str = "classes"
) -> TrackSummary:
    """Write a track's sidecars, those that differ from what is there.

    Args:
        out: the data set's folder.
        track_id: the track.
        result: what was found in it; by default its file is read.
        instrument_words: what the sidecars call instruments, see `manifest.sidecar`.

    Raises:
        UserError: if the result is missing or torn, or the disk is full.
    """
    result = result or read_result(out, track_id)
    found = result_path(out, track_id)
    sums = [(found.relative_to(out).as_posix(), digest_of(found))]
    for item in result.items:
        data = manifest.sidecar_bytes(item, instrument_words)
        path = out / manifest.item_path(item.id)
        if not _holds(out, path, data):
            _remove_sum(out, item)  # it was made of what the old sidecar says
            atomic.write_bytes(path, data)
        sums.append((manifest.item_path(item.id), hashlib.sha256(data).hexdigest()))
    lines = tuple((item.split, manifest.meta_line(item)) for item in result.items)
    return TrackSummary(lines, tuple(result.left_out), tally(result.items, result.left_out), tuple(sums))


def remove_result(out: Path, track_id: str, items: Iterable[Item] = ()) -> None:
    """Remove a track's result, which was made of other sources; and before it the sums of these items as files."""
    for item in items:
        _remove_sum(out, item)
    result_path(out, track_id).unlink(missing_ok=True)


def _remove_sum(out: Path, item: Item) -> None:
    """Remove an item's materialised sum; a link to the source's own file stays."""
    materialised = (out / manifest.item_path(item.id)).with_suffix(".flac")
    if not materialised.is_symlink():
        materialised.unlink(missing_ok=True)


def finish(out: Path, tracks: Sequence[TrackSummary], omitted: Sequence[LeftOut]) -> Report:
    """Write manifests, what was left out, the report and the sums; remove sidecars of items that are no more.

    Args:
        out: the data set's folder.
        tracks: of all its tracks, in their order.
        omitted: tracks that were left out as a whole.

    Raises:
        UserError: if two items have one name, or the disk is full.
    """
    (out / SUMS).unlink(missing_ok=True)
    for split in manifest.SPLITS:
        lines = (line for track in tracks for its, line in track.lines if its == split)
        atomic.write_json_gz(out / manifest.split_path(split), lines)
    left_out = [*omitted, *(line for track in tracks for line in track.left_out)]
    atomic.write_text(
        out / LEFT_OUT, "".join(json.dumps(line.to_json(), ensure_ascii=False) + "\n" for line in left_out)
    )
    report = report_of([tally([], omitted), *(track.counts for track in tracks)], _cost(out))
    atomic.write_json(out / REPORT, asdict(report))
    atomic.write_text(out / REPORT_PAGE, page(report))
    pairs = [pair for track in tracks for pair in track.sums]
    sums = dict(pairs)
    if len(sums) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise UserError(f"two tracks have an item {twice}: rename one of their folders, or its stem's file")
    for name in (*(manifest.split_path(split) for split in manifest.SPLITS), LEFT_OUT, REPORT, REPORT_PAGE):
        sums[name] = digest_of(out / name)
    _remove_others(out, sums)
    write_checksums(out / SUMS, sums)
    return report


def _cost(out: Path) -> dict[str, float | None]:
    cost = total_cost(out)
    return asdict(cost) if cost.calls else {}


def _holds(out: Path, path: Path, data: bytes) -> bool:
    """Whether a sidecar is what it should be; a pipe, which is not waited for, or a link out of the data set is not."""
    try:
        return manifest.read_sidecar(out, path) == data
    except (OSError, ValueError):
        return False


def _remove_others(out: Path, wanted: Iterable[str]) -> None:
    """Remove sidecars, with their audio, of items that a track no longer has since it was read again."""
    names = set(wanted)
    for path in (out / "items").glob("*.json"):
        if path.relative_to(out).as_posix() not in names:
            path.with_suffix(".flac").unlink(missing_ok=True)
            path.unlink()

"""Doors of a data set: its items, results, manifests, origin, report, costs and checksums."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
from support.serial_pool import Here

from dataset_builder.dataset import manifest
from dataset_builder.dataset.costs import Cost, Ledger, total_cost
from dataset_builder.dataset.excerpt import draw_start, read_excerpt
from dataset_builder.dataset.finalize import LEFT_OUT, SUMS, finish_track
from dataset_builder.dataset.integrity import check
from dataset_builder.dataset.materialise import manifest_path as materialise_manifest
from dataset_builder.dataset.materialise import materialise
from dataset_builder.dataset.report import REPORT, read_report, tally
from dataset_builder.dataset.report_page import page
from dataset_builder.dataset.source_record import FOLDER
from dataset_builder.errors import UserError
from dataset_builder.items.track_results import read_result
from dataset_builder.pipeline.build import build
from dataset_builder.pipeline.outdated import outdated_of
from dataset_builder.pipeline.settings import BuildSettings, recorded
from dataset_builder.pipeline.track_list import list_tracks
from dataset_builder.runtime import process_pool
from orchestrator_solver.features.feature_store import contents_of

from .door import Door, Opened
from .mutation import Mutate, bytes_of, json_lines_of, json_of, zipped_json_lines_of
from .sources import RATE, put, tiny_track

TRACK, MIX = "Track00001", "items/Track00001-mix.json"
PAYMENTS = (
    b'{"run": "2026-11-26", "model": "m", "calls": 1, "tokens_in": 9, "tokens_out": 10, "dollars": 0.5}\n'
    b'{"run": "2026-11-27", "model": "m", "calls": 2, "tokens_in": 1, "tokens_out": 1, "dollars": null}'
)


def tiny_set(folder: Path) -> Path:
    """A finished data set of one track in this process."""
    process_pool.ProcessPoolExecutor = Here  # type: ignore[misc, assignment]
    tiny_track(folder / "slakh")
    build(BuildSettings("slakh", folder / "data", folder / "slakh", captions="none", submixes=1, workers=1))
    return folder / "data"


def _of_file(name: str, read: Callable[[Path], object]) -> Callable[[Path], Opened]:
    """A door at which one file of a data set is a stranger's."""

    def opened(folder: Path) -> Opened:
        root = tiny_set(folder)
        original = (root / name).read_bytes() if (root / name).is_file() else PAYMENTS

        def read_bytes(data: bytes) -> object:
            put(root / name, data)
            return read(root)

        return Opened([original], read_bytes)

    return opened


def _used(root: Path) -> object:
    """What training, `show` and a report do with items."""
    items = manifest.load(root, "train")
    tally(items, [])
    for item in items:
        start = draw_start(item, 1.0, np.random.default_rng(0))
        read_excerpt(item, root, start, 1.0, RATE)
        manifest.sidecar(item), item.sounding(start, start + 1.0)
    return items


def _taken_up(root: Path) -> object:
    return finish_track(root, TRACK, read_result(root, TRACK))


def _known_origin(root: Path) -> object:
    return list_tracks(recorded(root, 1)).names


def _compared(root: Path) -> object:
    """What `check`, a build and the store make of a track's record; a record that is none is as good as absent."""
    found = outdated_of(root, 1)
    assert found is not None and all("\n" not in line for line in found.lines())
    contents_of(root, manifest.load(root, "train"))
    return list(found.lines())


def _paid(root: Path) -> object:
    Ledger(root, "m").add(Cost(1, 10, 1, 0.25))
    return total_cost(root).text()


def _reported(root: Path) -> object:
    report = read_report(root)
    return report.text(), page(report)


def _listed(root: Path) -> object:
    return check(root)


def _checked(root: Path) -> object:
    """Whole, or refused as `check` refuses it."""
    if faults := check(root):
        raise UserError(faults[0])
    return "whole"


def _open_materialised(folder: Path) -> Opened:
    root = tiny_set(folder)
    materialise(root)
    path = materialise_manifest(root, "train")

    def read(data: bytes) -> object:
        put(path, data)
        return check(root)

    return Opened([path.read_bytes()], read)


def _sealed(name: str, mutate: Mutate) -> Door:
    """A file of which `SHA256SUMS` knows: whatever is changed in it, `check` finds."""
    return Door(_of_file(name, _checked), mutate, sealed=True)


_ZIPPED = manifest.split_path("train")
_LEVELS: dict[str, Callable[[], bytes]] = {
    "100,000 levels": lambda: b"[" * 100_000, "17 MB": lambda: b'"' + b"x" * (17 << 20) + b'"',
    "objects of objects": lambda: b'{"items": ' * 50_000 + b"1" + b"}" * 50_000,
}  # fmt: skip
_BOMBS: dict[str, Callable[[], bytes]] = {
    "2.8 GB unzipped": lambda: gzip.compress(b'{"path": "' + b"0" * (1 << 24), mtime=0) * 170,
    "180 MB of lines": lambda: gzip.compress(b'{"info_path": "items/a.json", "x": 1}\n' * 50_000, mtime=0) * 90,
    "many short lines": lambda: gzip.compress(b"{}\n" * 1_000_000, mtime=0) * 40,
}  # fmt: skip

DOORS = {
    "a sidecar": Door(_of_file(MIX, _used), json_of, crafted=_LEVELS),
    "a track's result": Door(_of_file(f"tracks/{TRACK}.json", _taken_up), json_of, crafted=_LEVELS),
    "a manifest": Door(_of_file(_ZIPPED, _used), zipped_json_lines_of, crafted=_BOMBS),
    "dataset.json": Door(_of_file(manifest.ORIGIN, _known_origin), json_of, crafted=_LEVELS),
    "a record of sources": Door(_of_file(f"{FOLDER}/{TRACK}.json", _compared), json_of, crafted=_LEVELS),
    "costs.jsonl": Door(_of_file("costs.jsonl", _paid), json_lines_of, crafted=_LEVELS),
    "report.json": Door(_of_file(REPORT, _reported), json_of, crafted=_LEVELS),
    "SHA256SUMS": Door(_of_file(SUMS, _listed), bytes_of),
    "a materialised manifest": Door(_open_materialised, zipped_json_lines_of, crafted=_BOMBS),
    "check of a sidecar": _sealed(MIX, json_of),
    "check of a result": _sealed(f"tracks/{TRACK}.json", json_of),
    "check of a manifest": _sealed(_ZIPPED, zipped_json_lines_of),
    "check of left_out.jsonl": _sealed(LEFT_OUT, json_lines_of),
    "check of report.json": _sealed(REPORT, json_of),
}

"""From tracks to a data set: stems, activity, tempo, key, items, captions, descriptions, manifests.

Every track's result is kept in `ROOT/tracks/ID.json` once it is whole, so that a run that was stopped goes on where it
was; the files made at the end depend on those alone, and so are the same whatever the workers or interruptions.
"""

import json
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from . import atomic, manifest
from .errors import UserError
from .items import Item
from .report import Report, make_report
from .sources import nano as nano_source
from .sources import slakh
from .track_items import Tools, items_of_track


@dataclass(frozen=True)
class BuildSettings:
    """What a data set is made from, and how.

    Attributes:
        source: nano | slakh.
        out: the data set's folder.
        root: Slakh's folder; for nano it is made inside of `out`.
        submixes: submixes of each size.
        captions: a captioner's name, or none.
        caption_windows: 10 s windows of an item that are captioned.
        descriptions: a describer's name, or none.
        key_backend: fast | music21.
        workers: processes.
        nano: what to render for the source nano.
    """

    source: str
    out: Path
    root: Path | None = None
    submixes: int = 3
    captions: str = "musicnn"
    caption_windows: int = 3
    descriptions: str = "template"
    key_backend: str = "fast"
    workers: int = 2
    nano: nano_source.NanoSettings = field(default_factory=nano_source.NanoSettings)

    def fingerprint(self) -> dict[str, Any]:
        """What decides the result: all but where it lies and who works on it."""
        values = asdict(self)
        return {key: value for key, value in values.items() if key not in ("out", "root", "workers")}


def _nano_root(settings: BuildSettings) -> Path:
    nano_source.render(settings.out, settings.nano, settings.workers)
    return settings.out / "slakh"


def _slakh_root(settings: BuildSettings) -> Path:
    if settings.root is None or not settings.root.is_dir():
        raise UserError(f"--root {settings.root}: expected Slakh2100's folder, see http://www.slakh.com")
    return settings.root


SOURCES: dict[str, Callable[[BuildSettings], Path]] = {"nano": _nano_root, "slakh": _slakh_root}


def build(settings: BuildSettings) -> Report:
    """Make the data set, or finish it.

    Raises:
        UserError: for an unknown source, a folder that holds another data set, or a source without tracks.
    """
    if settings.source not in SOURCES:
        raise UserError(f"unknown source {settings.source!r}, known: {', '.join(SOURCES)}")
    _claim(settings)
    source_root = SOURCES[settings.source](settings)
    tracks = slakh.find_tracks(source_root)
    jobs = [(split, folder) for split, folder in tracks if not _result_path(settings.out, folder.name).is_file()]
    _run(settings, source_root, jobs)
    return _finish(settings, [folder.name for _, folder in tracks])


def _claim(settings: BuildSettings) -> None:
    """Record what is being built; refuse a folder in which something else was."""
    path = settings.out / "dataset.json"
    source = "slakh" if settings.source == "nano" else os.path.abspath(settings.root or "")
    wanted = {"source_root": source, "settings": settings.fingerprint()}
    if path.is_file():
        found = json.loads(path.read_text())
        if found.get("settings") != json.loads(json.dumps(wanted["settings"])):
            raise UserError(f"{settings.out} holds a data set of other settings: choose another --out, or remove it")
    try:
        atomic.write_json(path, wanted)
    except OSError as error:
        raise UserError(f"{settings.out} cannot be written ({error.strerror}): choose another --out") from error


def _result_path(out: Path, track_id: str) -> Path:
    return out / "tracks" / f"{track_id}.json"


def _run(settings: BuildSettings, source_root: Path, jobs: Sequence[tuple[str, Path]]) -> None:
    context = multiprocessing.get_context("spawn")
    with (
        tqdm(total=len(jobs), desc="items", unit="track", disable=not jobs) as bar,
        ProcessPoolExecutor(max(1, settings.workers), mp_context=context) as pool,
    ):
        futures = [pool.submit(_one_track, settings, source_root, split, folder) for split, folder in jobs]
        for future in as_completed(futures):
            future.result()
            bar.update()


def _one_track(settings: BuildSettings, source_root: Path, split: str, folder: Path) -> None:
    tools = Tools.load(settings.captions, settings.caption_windows, settings.descriptions, settings.key_backend)
    try:
        track = slakh.read_track(folder, split)
        made = items_of_track(track, source_root, settings.submixes, tools)
        result = {"items": [item.to_json() for item in made.items], "left_out": made.left_out}
    except UserError as error:
        result = {"items": [], "left_out": [{"track": folder.name, "what": "track", "reason": str(error)}]}
    atomic.write_json(_result_path(settings.out, folder.name), result)


def _finish(settings: BuildSettings, track_ids: Sequence[str]) -> Report:
    """Sidecars, manifests and the report, from the tracks' results in order."""
    items: list[Item] = []
    left_out: list[dict[str, str]] = []
    for track_id in tqdm(track_ids, "manifests", unit="track"):
        result = json.loads(_result_path(settings.out, track_id).read_text())
        left_out += result["left_out"]
        for values in result["items"]:
            items.append(Item.from_json(values))
            manifest.write_item(settings.out, items[-1])
    for split in manifest.SPLITS:
        manifest.write_split(settings.out, split, [item for item in items if item.split == split])
    report = make_report(items, left_out)
    atomic.write_text(settings.out / "left_out.jsonl", "".join(json.dumps(line) + "\n" for line in left_out))
    atomic.write_json(settings.out / "report.json", asdict(report))
    return report

"""From tracks to a data set: stems, activity, tempo, key, items, captions, descriptions, manifests.

Every track's result is kept in `ROOT/tracks/ID.json` once it is whole, so that a run that was stopped goes on where it
was; the files made at the end depend on those alone, and so are the same whatever the workers or interruptions. Tracks
of which something could not be read are read again by the next run, since somebody may have mended them.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from . import atomic, manifest
from . import left_out as why
from .captions import CAPTIONERS
from .descriptions import DESCRIBERS
from .descriptor import MusicDescriptor, build_from
from .errors import UserError
from .grouping import GROUPINGS
from .items import Item
from .key import KEY_BACKENDS
from .left_out import LeftOut
from .report import Report, make_report
from .sources import READERS
from .sources import nano as nano_source
from .sources.slakh_index import omitted_tracks
from .track_items import TrackReader
from .workers import share_out


@dataclass(frozen=True)
class BuildSettings:
    """What a data set is made from, and how.

    Attributes:
        source: a name in `SOURCES`.
        out: the data set's folder.
        root: the source's folder; for nano it is made inside of `out`.
        omit: leave out the tracks of the original Slakh2100 that redux omits.
        submixes: submixes of each size.
        grouping: what one instrument is, a name in `GROUPINGS`.
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
    omit: bool = False
    submixes: int = 3
    grouping: str = "stem"
    captions: str = "musicnn"
    caption_windows: int = 3
    descriptions: str = "template"
    key_backend: str = "fast"
    workers: int = 2
    nano: nano_source.NanoSettings = field(default_factory=nano_source.NanoSettings)

    def __post_init__(self) -> None:
        """Raises UserError if a value makes no data set."""
        for name, known in (("source", SOURCES), ("key_backend", KEY_BACKENDS), ("grouping", GROUPINGS)):
            if getattr(self, name) not in known:
                raise UserError(f"unknown {name} {getattr(self, name)!r}, known: {', '.join(known)}")
        for name, least in (("submixes", 0), ("caption_windows", 1), ("workers", 1)):
            if getattr(self, name) < least:
                raise UserError(f"{name} is {getattr(self, name)}: expected at least {least}")

    def fingerprint(self) -> dict[str, Any]:
        """What decides the result: all but where it lies and who works on it."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self), default=str))
        unimportant = {"out", "root", "workers"} | ({"nano"} if self.source != "nano" else set())
        return {key: value for key, value in values.items() if key not in unimportant}


def _nano_root(settings: BuildSettings) -> Path:
    nano_source.render(settings.out, settings.nano, settings.workers)
    return settings.out / "slakh"


def _given_root(settings: BuildSettings) -> Path:
    if settings.root is None or not settings.root.is_dir():
        raise UserError(f"--root {settings.root}: expected {READERS[settings.source].layout}")
    return settings.root.resolve()


SOURCES: dict[str, Callable[[BuildSettings], Path]] = {"nano": _nano_root, "slakh": _given_root, "stems": _given_root}


def build(settings: BuildSettings) -> Report:
    """Make the data set, or finish it.

    Raises:
        UserError: for an unknown back end, a folder that holds another data set, or a source without tracks.
    """
    _check_back_ends(settings)
    if settings.source != "nano":
        READERS[settings.source].find_tracks(
            _given_root(settings)
        )  # a mistaken root is told before anything is written
    _claim(settings)
    source_root = SOURCES[settings.source](settings)
    tracks = READERS[settings.source].find_tracks(source_root)
    omitted = [folder.name for _, folder in tracks if settings.omit and folder.name in omitted_tracks()]
    tracks = [track for track in tracks if track[1].name not in set(omitted)]
    jobs = [(settings, source_root, *track) for track in tracks if not _is_done(settings.out, track[1].name)]
    share_out(_one_track, jobs, settings.workers, "items")
    return _finish(settings, [folder.name for _, folder in tracks], omitted)


def _check_back_ends(settings: BuildSettings) -> None:
    """Stop before the work if a back end is unknown or lacks something; the workers load their own."""
    if settings.captions != "none" and settings.captions not in CAPTIONERS:
        raise UserError(f"unknown captioner {settings.captions!r}, known: {', '.join(CAPTIONERS)}, none")
    build_from("describer", DESCRIBERS, settings.descriptions)


def _claim(settings: BuildSettings) -> None:
    """Record what is being built; refuse a folder in which something else was."""
    source = "slakh" if settings.source == "nano" else str(_given_root(settings))
    wanted = manifest.Origin(source, settings.fingerprint())
    if (settings.out / "dataset.json").is_file():
        found = manifest.read_origin(settings.out)
        if differing := _differing(found.settings, wanted.settings):
            raise UserError(
                f"{settings.out} holds a data set with other settings ({differing}): choose another --out, or remove it"
            )
        if found.source_root != source:
            raise UserError(
                f"{settings.out} was built from {found.source_root}, not {source}: if the source has moved, run "
                f"`python -m dataset_builder relocate {settings.out} --source {source}`"
            )
        return
    try:
        manifest.write_origin(settings.out, wanted)
    except OSError as error:
        raise UserError(f"{settings.out} cannot be written ({error.strerror}): choose another --out") from error


def _differing(found: dict[str, Any], wanted: dict[str, Any]) -> str:
    """The settings that differ, such as `submixes 1, not 3`."""
    names = [name for name in {**wanted, **found} if found.get(name) != wanted.get(name)]
    return ", ".join(f"{name} {found.get(name)}, not {wanted.get(name)}" for name in names)


def _result_path(out: Path, track_id: str) -> Path:
    return out / "tracks" / f"{track_id}.json"


def _is_done(out: Path, track_id: str) -> bool:
    """Whether a track's result is there, whole, and nothing in it waits to be mended."""
    path = _result_path(out, track_id)
    if not path.is_file():
        return False
    try:
        return not any(line["reason"] in why.MENDABLE for line in json.loads(path.read_text())["left_out"])
    except (ValueError, KeyError, TypeError):  # a result of an older version
        return False


def _one_track(settings: BuildSettings, source_root: Path, split: str, folder: Path) -> None:
    descriptor = MusicDescriptor.load(settings.captions, settings.descriptions, settings.caption_windows)
    items: list[Item] = []
    try:
        track = READERS[settings.source].read_track(folder, split)
    except UserError as error:
        detail = str(error).replace(f"{source_root}/", "")
        left_out = [LeftOut(folder.name, "track", "", why.BROKEN_METADATA, detail)]
    else:
        reader = TrackReader(track, source_root, settings.submixes, settings.key_backend, settings.grouping)
        items = [descriptor.describe(item, source_root) for item in reader.items()]
        left_out = reader.left_out
    for item in items:  # before the result, which says that the track is whole
        manifest.write_item(settings.out, item)
    result = {"items": [item.to_json() for item in items], "left_out": [line.to_json() for line in left_out]}
    atomic.write_record(_result_path(settings.out, folder.name), result)


def _finish(settings: BuildSettings, track_ids: Sequence[str], omitted: Sequence[str]) -> Report:
    """Missing sidecars, manifests and the report, from the tracks' results in order."""
    items: list[Item] = []
    left_out = [LeftOut(name, "track", "", why.OMITTED) for name in omitted]
    for track_id in tqdm(track_ids, "manifests", unit="track"):
        result = json.loads(_result_path(settings.out, track_id).read_text())
        left_out += [LeftOut(**line) for line in result["left_out"]]
        for values in result["items"]:
            items.append(Item.from_json(values))
            if not (settings.out / manifest.item_path(items[-1].id)).is_file():
                manifest.write_item(settings.out, items[-1])
    for split in manifest.SPLITS:
        manifest.write_split(settings.out, split, [item for item in items if item.split == split])
    report = make_report(items, left_out)
    lines = "".join(json.dumps(line.to_json(), ensure_ascii=False) + "\n" for line in left_out)
    atomic.write_text(settings.out / "left_out.jsonl", lines)
    atomic.write_json(settings.out / "report.json", asdict(report))
    return report

"""A build after a few tracks have changed, against the build of all: what finding them takes, and what is made."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

from ..items.track_results import FOLDER
from ..nano import score, slakh_writer
from ..nano.arrangement import arrange
from ..nano.corpus import select
from ..pipeline.outdated import compare_tracks
from ..pipeline.settings import recorded
from ..pipeline.track_list import list_tracks
from .build import build_virtual
from .measurement import Report

_RENDERED, _SECONDS = 8, 6.0  # tracks that are rendered, of which all are copies; of music in each: short ones are hard


@dataclass(frozen=True)
class RebuildReport(Report):
    """What a build after a change took, beside the build of all.

    Attributes:
        tracks: how many.
        files: of them all.
        changed: of how many tracks a stem changed.
        made: how many were made by the build after that.
        whole: seconds of the build of all, a process of its own.
        finding: seconds in which the tracks are listed and those that have changed are found.
        again: seconds of the build after the change, a process of its own.
        workers: of each.
    """

    tracks: int
    files: int
    changed: int
    made: int
    whole: float
    finding: float
    again: float
    workers: int

    def text(self) -> str:
        """The report for a terminal."""
        times = {"build of all": self.whole, "finding what changed": self.finding, "build after it": self.again}
        lines = [f"  {name:22}{seconds:8.2f} s, {seconds / self.whole:.2%}" for name, seconds in times.items()]
        size = f"{self.tracks} tracks of {_SECONDS:g} s, {self.files} files, {self.workers} workers"
        return "\n".join([size, *lines, f"  {self.changed} tracks changed, {self.made} made again"])


def bench_rebuild(folder: Path, tracks: int, changed: int, workers: int) -> RebuildReport:
    """Build, change a stem of every n-th track, and build again.

    Args:
        folder: for what is made.
        tracks: how many.
        changed: of how many a stem changes.
        workers: processes of each build.

    Raises:
        UserError: if a build fails.
    """
    root, out = folder / "slakh", folder / "data"
    folders = _source(root, tracks)
    whole = _seconds_of_build(root, out, workers)
    before = _results(out)
    for place in folders[:: tracks // changed][:changed]:
        _change(place)
    start = perf_counter()
    settings = recorded(out, workers)
    source = list_tracks(settings)
    found = sum(bool(each.changes) for each in compare_tracks(settings, source, source.tracks, to_keep=True).values())
    finding = perf_counter() - start
    assert found == changed
    again = _seconds_of_build(root, out, workers)
    made = sum(before[name] != written for name, written in _results(out).items())
    files = sum(len(names) for *_, names in os.walk(root))
    return RebuildReport(tracks, files, changed, made, whole, finding, again, workers)


def _source(root: Path, tracks: int) -> list[Path]:
    """Tracks in Slakh's layout, copies of a few that are rendered."""
    rendered = []
    for work in select(_RENDERED):
        rendered.append(root.with_name("rendered") / work.id)
        rendered[-1].parent.mkdir(exist_ok=True)
        slakh_writer.write_track(arrange(score.read(work), 0, _SECONDS), rendered[-1])
    return [
        Path(shutil.copytree(rendered[number % _RENDERED], root / "train" / f"Track{number:05}"))
        for number in range(tracks)
    ]


def _change(folder: Path) -> None:
    """Give a track's first stem the sound of its last."""
    stems = sorted((folder / "stems").iterdir())
    shutil.copyfile(stems[-1], stems[0])


def _seconds_of_build(root: Path, out: Path, workers: int) -> float:
    start = perf_counter()
    build_virtual(root, out, workers)
    return perf_counter() - start


def _results(out: Path) -> dict[str, int]:
    """When each track's result was written, in nanoseconds."""
    return {path.name: path.stat().st_mtime_ns for path in (out / FOLDER).iterdir()}

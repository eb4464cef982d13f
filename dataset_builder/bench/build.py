"""A build and its materialisation, against a program that only reads the same files once and encodes the same sums."""

import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from ..dataset import manifest
from ..descriptor.captions.registry import CaptionSettings
from ..descriptor.music_descriptor import MusicDescriptor
from ..errors import UserError
from ..items.item import Item
from ..sources import slakh
from .comparison import Comparison, compare
from .measurement import Report

_LEAST = "dataset_builder.bench.minimal_build"
_CAPTIONED = 12  # items


@dataclass(frozen=True)
class BuildReport(Report):
    """Times of whole processes, from start to end.

    Attributes:
        build: a virtual data set, without captions, descriptions and audit, against reading.
        materialise: its sums written as files, against decoding and encoding.
        tracks: how many.
        stems: how many in all.
        hours: of audio that is decoded.
        sums: files that are encoded.
        workers: of each side.
        caption_seconds: an item's caption by musicnn and its description by the template, in one process, apart.
    """

    build: Comparison
    materialise: Comparison
    tracks: int
    stems: int
    hours: float
    sums: int
    workers: int
    caption_seconds: float

    def text(self) -> str:
        """The report for a terminal."""
        size = f"{self.tracks} tracks, {self.stems} stems, {self.hours:.2f} h of audio, {self.sums} submixes"
        apart = f"apart: caption (musicnn) and description (template) take {self.caption_seconds:.2f} s an item"
        return "\n".join([f"{size}, {self.workers} workers", self.build.text(), self.materialise.text(), apart])

    def to_json(self) -> dict[str, Any]:
        """All of it, as plain values for JSON."""
        return {**vars(self), "build": self.build.to_json(), "materialise": self.materialise.to_json()}


def bench_build(root: Path, folder: Path, workers: int, repeats: int) -> BuildReport:
    """Build `root` into new folders below `folder`, in turns with the least program.

    Args:
        root: a folder in Slakh's layout.
        folder: for what is made.
        workers: of each side.
        repeats: turns of each side.

    Raises:
        UserError: if a program fails.
    """
    out, reading = folder / "data", folder / "reading.json"
    tracks = [slakh.read_track(path, split) for split, path in slakh.find_tracks(root)]
    reading.write_text(json.dumps([_files(track) for track in tracks]))

    def build_anew() -> None:
        shutil.rmtree(out, ignore_errors=True)
        build_virtual(root, out, workers)

    built = compare(
        "build, virtual", ("build", build_anew),
        ("start, parse, decode", lambda: _run([_LEAST, str(reading), "--workers", str(workers)])), repeats,
    )  # fmt: skip
    items = [item for split in manifest.SPLITS for item in manifest.load(out, split)]
    encoding = folder / "encoding.json"
    encoding.write_text(json.dumps(_sums(items, root)))

    def materialise_anew() -> None:
        for path in (out / "items").glob("*.flac"):
            path.unlink()
        _run(["dataset_builder", "materialise", str(out), "--workers", str(workers)])

    materialised = compare(
        "materialise", ("materialise", materialise_anew),
        ("start, decode, encode", lambda: _run([_LEAST, str(encoding), "--workers", str(workers)])), repeats,
    )  # fmt: skip
    hours = sum(item.duration * (len(item.stems) + 1) for item in items if item.kind == "mix") / 3600
    stems = sum(len(track.stems) for track in tracks)
    return BuildReport(
        built, materialised, len(tracks), stems, hours, sum(not item.audio for item in items), workers,
        _caption_seconds(items, root),
    )  # fmt: skip


def build_virtual(root: Path, out: Path, workers: int) -> None:
    """Build without captions and descriptions, in a process of its own.

    Raises:
        UserError: if it fails.
    """
    _run(["dataset_builder", "build", "--source", "slakh", "--root", str(root), "--out", str(out),
          "--captions", "none", "--descriptions", "none", "--workers", str(workers)])  # fmt: skip


def _caption_seconds(items: Sequence[Item], root: Path) -> float:
    """The mean time of a caption and a description."""
    import torch

    torch.set_num_threads(1)  # as in a worker
    descriptor = MusicDescriptor.load(CaptionSettings("musicnn"), "template")
    chosen = items[:: max(1, len(items) // _CAPTIONED)][:_CAPTIONED]
    descriptor.describe(chosen[0], root)  # loads the tagger
    start = perf_counter()
    for item in chosen:
        descriptor.describe(item, root)
    return (perf_counter() - start) / len(chosen)


def _files(track: slakh.Track) -> dict[str, Any]:
    """What a build must read of a track."""
    midi = [track.all_src, *(stem.midi for stem in track.stems if not stem.is_drum)]
    sounds = [track.mix, *(stem.audio for stem in track.stems)]
    return {"id": track.id, "midi": [str(path) for path in midi], "audio": [str(path) for path in sounds], "sums": []}


def _sums(items: Sequence[Item], root: Path) -> list[dict[str, Any]]:
    """What materialising must read and write, track by track."""
    tracks: dict[str, dict[str, Any]] = {}
    for item in items:
        if item.audio:
            continue
        track = tracks.setdefault(item.track, {"id": item.track, "midi": [], "audio": [], "sums": []})
        paths = [str(root / stem.path) for stem in item.stems]
        track["audio"] += [path for path in paths if path not in track["audio"]]
        track["sums"].append([track["audio"].index(path) for path in paths])
    return list(tracks.values())


def _run(words: list[str]) -> None:
    """Run a module as a program of its own, from start to end."""
    done = subprocess.run([sys.executable, "-m", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise UserError(f"python -m {' '.join(words)} failed: {done.stderr.strip()[-500:]}")

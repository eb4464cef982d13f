"""The embedded corpus: real scores from the installed music21, arranged and rendered into Slakh's layout.

Source: music21's corpus (https://www.music21.org), 239 public-domain works listed with their licences in `works.json`.
Splits: by work, fixed in that list; 207 train, 12 validation, 20 test. Variants (other key, tempo and ensemble)
are made of training works only. No sound is shipped: tinysoundfont plays the sound font inside pretty_midi.
"""

from __future__ import annotations

import json
import multiprocessing
from collections.abc import Container, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path

from tqdm import tqdm

from ..errors import UserError
from ..runtime.process_pool import start_worker
from .works import Work, load, select

__all__ = ["NanoSettings", "Work", "load", "render", "render_track", "select", "track_folders", "work_of"]

FOLDERS = {"train": "train", "valid": "validation", "test": "test"}  # split -> Slakh's name of it


@dataclass(frozen=True)
class NanoSettings:
    """What to render.

    Attributes:
        works: how many works, always the same balanced choice; None for all.
        variants: further tracks of each training work, in other keys, tempi and ensembles.
        seconds: the longest music of a track.
    """

    works: int | None = None
    variants: int = 0
    seconds: float = 64.0

    def __post_init__(self) -> None:
        """Raises UserError if a value makes no corpus."""
        if self.works is not None and self.works < len(FOLDERS):
            raise UserError(f"works is {self.works}: at least {len(FOLDERS)} are needed, one for each split")
        if self.variants < 0:
            raise UserError(f"variants is {self.variants}: expected 0 or more")
        if not self.seconds > 0:
            raise UserError(f"seconds is {self.seconds:g}: expected more than 0")


def render(
    out_root: Path,
    settings: NanoSettings,
    workers: int = 2,
    progress: bool = True,
    only: Container[str] | None = None,
) -> None:
    """Render the corpus, or `only` these tracks of it, to `out_root`/slakh/{train,validation,test}/TrackNNNNN/.

    Tracks that exist are left alone, so an interrupted run goes on where it was. The result does not depend on
    `workers`: everything drawn is seeded by the work's and the variant's names.

    Raises:
        UserError: the folder holds tracks of another length.
    """
    works = select(settings.works)
    jobs = [(work, missing) for work in works if (missing := _missing(out_root, work, settings, only))]
    total = sum(len(variants) for _, variants in jobs)
    bar = tqdm(total=total, desc="render nano", unit="track", disable=not (progress and total))
    with bar:
        if workers <= 1:
            for work, variants in jobs:
                bar.update(_render_work(work, variants, out_root, settings))
            return
        context = multiprocessing.get_context("spawn")  # music21 and the synthesiser are loaded once a process
        with ProcessPoolExecutor(workers, mp_context=context, initializer=start_worker) as pool:
            futures = [pool.submit(_render_work, work, variants, out_root, settings) for work, variants in jobs]
            try:
                for future in as_completed(futures):
                    bar.update(future.result())
            finally:
                pool.shutdown(cancel_futures=True)  # an interrupted run ends after the tracks at hand


def track_folders(out_root: Path, work: Work, settings: NanoSettings) -> Iterator[tuple[int, Path]]:
    """Yield (variant, folder) of each track that the settings ask of a work."""
    from .arrangement import track_name

    for variant in range(1 + (settings.variants if work.split == "train" else 0)):
        yield variant, out_root / "slakh" / FOLDERS[work.split] / track_name(work, variant)


def work_of(track: str) -> Work:
    """Return the work that a track of the corpus plays, given its name: statistics are to be clustered by its group."""
    from . import arrangement

    return arrangement.work_of(track)


def render_track(folder: Path) -> None:
    """Render any folder of Slakh's layout that has metadata.yaml and MIDI/ but no audio."""
    from . import slakh_writer

    slakh_writer.render_track(folder)


def _missing(out_root: Path, work: Work, settings: NanoSettings, only: Container[str] | None) -> list[int]:
    """Return the variants of a work that are wanted and not rendered yet."""
    missing = []
    for variant, folder in track_folders(out_root, work, settings):
        if only is not None and folder.name not in only:
            continue
        if not folder.exists():
            missing.append(variant)
            continue
        seconds = json.loads((folder / "source.json").read_text(encoding="utf-8"))["seconds"]
        if seconds != settings.seconds:
            raise UserError(
                f"{folder} was rendered with seconds={seconds:g}, not {settings.seconds:g}: "
                "choose another folder or remove this one"
            )
    return missing


def _render_work(work: Work, variants: list[int], out_root: Path, settings: NanoSettings) -> int:
    """Read a work once and write its missing tracks; return how many."""
    from . import arrangement, score, slakh_writer

    read = score.read(work)
    folders = dict(track_folders(out_root, work, settings))
    for variant in variants:
        folders[variant].parent.mkdir(parents=True, exist_ok=True)
        slakh_writer.write_track(arrangement.arrange(read, variant, settings.seconds), folders[variant])
    return len(variants)

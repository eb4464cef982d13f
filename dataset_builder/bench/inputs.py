"""What is measured on: files made of the embedded corpus, or chosen from a folder that is given."""

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tqdm import tqdm

from ..errors import UserError
from ..nano.corpus import select
from ..runtime import atomic
from ..sources import slakh

if TYPE_CHECKING:
    from ..nano.arrangement import Arrangement

SECONDS = 64.0  # of music in a track that is made here


def midi_files(folder: Path | None, made: Path, count: int) -> list[Path]:
    """`count` multi-track MIDI files: all_src.mid of every track below `folder` if there are any, else all .mid.

    Args:
        folder: None makes files of the embedded corpus in `made`.
        made: a folder for files that are made.
        count: how many.

    Raises:
        UserError: if there are fewer.
    """
    if folder is None:
        return _make_midi(made, count)
    found = sorted(folder.rglob("all_src.mid")) or sorted(path for path in folder.rglob("*.mid"))
    if len(found) < count:
        raise UserError(f"{folder} holds {len(found)} MIDI files, expected {count}: give another folder, or --files")
    return found[:: len(found) // count][:count]


def _make_midi(folder: Path, count: int) -> list[Path]:
    from ..nano import score, slakh_writer
    from ..nano.arrangement import arrange

    made = []
    for work in tqdm(select(count), "make MIDI", unit="file", disable=not sys.stderr.isatty()):
        arranged = arrange(score.read(work), 0, SECONDS)
        made.append(folder / f"{work.id}.mid")
        atomic.write_bytes(made[-1], slakh_writer.midi_of(arranged.score, arranged.stems))
    return made


@contextmanager
def slakh_source(root: Path | None, tracks: int, stems: int) -> Iterator[tuple[Path, Path]]:
    """Within the block: a folder in Slakh's layout, see `slakh_root`, and an empty one to work in."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield slakh_root(root, Path(folder) / "slakh", tracks, stems), Path(folder)


def slakh_root(root: Path | None, made: Path, tracks: int, stems: int) -> Path:
    """A folder in Slakh's layout of `tracks` tracks with at least `stems` rendered stems each.

    Args:
        root: links to its tracks are made; None renders tracks of the embedded corpus.
        made: the new folder.
        tracks: how many.
        stems: of each.

    Raises:
        UserError: if there are fewer.
    """
    (made / "train").mkdir(parents=True)
    if root is None:
        _render(made / "train", tracks, stems)
        return made
    enough = [folder for _, folder in slakh.find_tracks(root) if len(_rendered(folder)) >= stems]
    if len(enough) < tracks:
        raise UserError(f"{root} has {len(enough)} tracks of {stems} stems, expected {tracks}: ask for fewer")
    for folder in enough[:tracks]:
        (made / "train" / folder.name).symlink_to(folder.resolve())
    return made


def _rendered(folder: Path) -> list[Path]:
    return [path for path in (folder / "stems").glob("S*") if path.suffix in (".flac", ".wav")]


def _render(folder: Path, count: int, stems: int) -> None:
    from ..nano.arrangement import track_name
    from ..nano.slakh_writer import write_track

    found = (arrangement for arrangement in _arrangements() if len(arrangement.stems) >= stems)
    for _ in tqdm(range(count), "render", unit="track", disable=not sys.stderr.isatty()):
        arrangement = next(found, None)
        if arrangement is None:
            raise UserError(f"the embedded corpus has fewer than {count} tracks of {stems} stems: ask for fewer")
        write_track(arrangement, folder / track_name(arrangement.score.work, arrangement.variant))


def _arrangements() -> Iterator["Arrangement"]:
    """The corpus' works, then variants of those for training."""
    from ..nano import score
    from ..nano.arrangement import arrange

    works = select(None)
    for variant in range(4):
        for work in works if variant == 0 else [work for work in works if work.split == "train"]:
            yield arrange(score.read(work), variant, SECONDS)

"""What a reference plays, from the MIDI that a source keeps beside its stems' audio, as Slakh does."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from dataset_builder.dataset.manifest import source_root
from dataset_builder.errors import UserError
from dataset_builder.items.item import Item
from dataset_builder.music.midi import read_midi

from ..metrics.clips import Notes


def notes_of(item: Item, root: Path, start: float, seconds: float) -> Notes | None:
    """The notes that begin in an excerpt of an item, drums left out; None where a stem has no MIDI that can be read.

    Args:
        item: which one.
        root: the data set's folder.
        start: of the excerpt, in seconds.
        seconds: how long it is.
    """
    base = source_root(root).resolve()
    pitched = [stem for stem in item.stems if not stem.is_drum]
    files = [(base / stem.path).parents[1] / "MIDI" / f"{stem.id}.mid" for stem in pitched]
    if not files or not all(file.is_file() and file.resolve().is_relative_to(base) for file in files):
        return None
    try:
        every = np.concatenate([_notes_in(file) for file in files])
    except UserError:
        return None
    inside = every[(every[:, 0] >= start) & (every[:, 0] < start + seconds)]
    inside = inside[np.lexsort((inside[:, 2], inside[:, 0]))]
    return Notes(inside[:, 0] - start, np.minimum(inside[:, 1] - start, seconds), inside[:, 2])


@lru_cache(maxsize=512)
def _notes_in(path: Path) -> np.ndarray:
    """Begin, end and pitch of all notes of a MIDI file `[N, 3]`, in seconds and MIDI numbers.

    Raises:
        UserError: if it cannot be read.
    """
    score: Any = read_midi(path).to("second")
    notes = [(note.start, note.end, note.pitch) for track in score.tracks if not track.is_drum for note in track.notes]
    return np.array(notes, dtype=np.float64).reshape(-1, 3)

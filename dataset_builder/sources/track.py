"""What every source's reader finds: tracks and their stems. No audio is opened."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Stem:
    """A stem whose audio exists.

    Attributes:
        id: safe in a file name, for instance `S03`.
        audio: its audio file.
        midi: its MIDI file, which need not exist; None where the source has none.
        program: 0-based General MIDI program; 128 for drums.
        is_drum: whether it is a drum kit.
        instrument: class of the vocabulary, or None.
        unnamed: why it has no instrument, where the source can say.
        word: what its owner calls the instrument, if General MIDI calls its program otherwise.
    """

    id: str
    audio: Path
    midi: Path | None
    program: int
    is_drum: bool
    instrument: str | None
    unnamed: str = ""
    word: str | None = None


@dataclass(frozen=True)
class Track:
    """A track: cheap to make.

    Attributes:
        id: the folder's name.
        folder: where it is.
        split: train | valid | test.
        stems: in order.
        mix: the file of the sum; None where there is none, and the stems are summed.
        all_src: the MIDI file of everything; None where there are only the stems'.
        licence: of the recording.
    """

    id: str
    folder: Path
    split: str
    stems: tuple[Stem, ...]
    mix: Path | None
    all_src: Path | None
    licence: str

    def holds(self, path: Path) -> bool:
        """Whether one of its files is in its folder, and not elsewhere, where a link leads to."""
        return is_held(self.folder, path)


def is_held(folder: Path, path: Path) -> bool:
    """Whether a file is in a track's folder, and not elsewhere, where a link leads to.

    The folder itself may be a link. Raises nothing for links that lead nowhere.
    """
    if not (path.is_symlink() or (path.parent != folder and path.parent.is_symlink())):
        return True
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))

"""Slakh2100 and whatever has its layout: tracks, their stems and what their metadata says.

Slakh2100 (Manilow et al. 2019, https://arxiv.org/abs/1909.08494, CC BY 4.0): 2100 songs rendered from MIDI, a FLAC and a
MIDI file a stem, splits train / validation / test (redux has `omitted` besides). Layout of a track:
`TrackNNNNN/{metadata.yaml, all_src.mid, mix.flac, stems/Sxx.flac, MIDI/Sxx.mid}`. Stem numbers have gaps where nothing
was rendered. Paths are derived from the layout: those in the metadata are unreliable.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from ..errors import UserError
from ..vocabulary import class_of

SPLITS = {"train": "train", "validation": "valid", "test": "test"}
LICENCE = "CC BY 4.0 (Slakh2100)"
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


@dataclass(frozen=True)
class Stem:
    """A rendered stem.

    Attributes:
        id: for instance `S03`.
        audio: its FLAC (or WAV, in BabySlakh).
        midi: its MIDI file; None if it was not saved.
        program: 0-based General MIDI program; 128 for drums.
        is_drum: whether it is a drum kit.
        instrument: class of the vocabulary, or None.
    """

    id: str
    audio: Path
    midi: Path | None
    program: int
    is_drum: bool
    instrument: str | None


@dataclass(frozen=True)
class Track:
    """A track: cheap to make, no audio is opened.

    Attributes:
        id: the folder's name.
        folder: where it is.
        split: train | valid | test.
        stems: those that were rendered, in order.
        mix: the file of the sum.
        all_src: the MIDI file of everything.
    """

    id: str
    folder: Path
    split: str
    stems: tuple[Stem, ...]
    mix: Path
    all_src: Path


def find_tracks(root: Path) -> list[tuple[str, Path]]:
    """Split and folder of every track below `root`, in order of id; a flat folder (BabySlakh) is all `train`.

    Raises:
        UserError: if there is none.
    """
    folders = [(split, path) for name, split in SPLITS.items() for path in sorted((root / name).glob("Track*"))]
    folders = folders or [("train", path) for path in sorted(root.glob("Track*"))]
    if not folders:
        raise UserError(f"no tracks in {root}: expected train/Track00001/ and so on (Slakh2100's layout)")
    return sorted(folders, key=lambda pair: pair[1].name)


def read_track(folder: Path, split: str) -> Track:
    """A track from its metadata.

    Raises:
        UserError: if metadata.yaml is missing, broken, or lacks a key.
    """
    path = folder / "metadata.yaml"
    try:
        metadata = yaml.load(path.read_text(), Loader=_LOADER)
        stems = metadata["stems"]
        rendered = [_stem(folder, name, stems[name]) for name in sorted(stems) if stems[name].get("audio_rendered")]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not a track's metadata ({type(error).__name__}: {reason})") from error
    if not rendered:
        raise UserError(f"{path} lists no rendered stem")
    mix = _audio_file(folder, "mix")
    return Track(folder.name, folder, split, tuple(rendered), mix, folder / "all_src.mid")


def _stem(folder: Path, name: str, values: dict[str, Any]) -> Stem:
    if not name.isalnum():
        raise ValueError(f"{name!r} is not a stem's name")
    program, is_drum = int(values["program_num"]), bool(values["is_drum"])
    midi = folder / "MIDI" / f"{name}.mid"
    audio = _audio_file(folder / "stems", name)
    return Stem(name, audio, midi if midi.is_file() else None, program, is_drum, class_of(program, is_drum))


def _audio_file(folder: Path, stem: str) -> Path:
    wav = folder / f"{stem}.wav"
    return wav if wav.is_file() else folder / f"{stem}.flac"

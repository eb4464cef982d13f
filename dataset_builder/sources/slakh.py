"""Slakh2100 and whatever has its layout: tracks, their stems and what their metadata says.

Slakh2100 (Manilow et al. 2019, https://arxiv.org/abs/1909.08494, CC BY 4.0): 2100 songs rendered from MIDI, a FLAC and
a MIDI file a stem, splits train / validation / test (redux has `omitted` besides). Layout of a track:
`TrackNNNNN/{metadata.yaml, all_src.mid, mix.flac, stems/Sxx.flac, MIDI/Sxx.mid}`. Stem numbers have gaps where nothing
was rendered. Paths are derived from the layout: those in the metadata are unreliable.
"""

from collections import Counter
from pathlib import Path
from typing import Any

import yaml

from ..errors import UserError
from ..music.instruments import class_of
from ..runtime.untrusted import parse_json, read_regular, shown
from .splits import draw_splits
from .track import Stem, Track
from .untrusted_yaml import LARGEST, read_yaml

SPLITS = {"train": "train", "validation": "valid", "test": "test"}
LICENCE = "CC BY 4.0 (Slakh2100)"
_DRUMS = 128  # what metadata.yaml calls the program of a drum kit


def find_tracks(root: Path) -> list[tuple[str, Path]]:
    """Split and folder of every track below `root`, in order of id; for a flat folder (BabySlakh) splits are drawn.

    Raises:
        UserError: if there is none, or one is in two splits.
    """
    folders = [(split, path) for name, split in SPLITS.items() for path in _track_folders(root / name)]
    folders = folders or draw_splits(_track_folders(root))
    names = Counter(path.name for _, path in folders)
    if twice := [name for name, count in names.items() if count > 1]:
        raise UserError(f"{root}: {twice[0]} is in two splits, expected each track in one: remove one of them")
    if not folders:
        raise UserError(f"no tracks in {root}: expected train/Track00001/ and so on (Slakh2100's layout)")
    return sorted(folders, key=lambda pair: pair[1].name)


def _track_folders(folder: Path) -> list[Path]:
    return [path for path in folder.glob("Track*") if path.is_dir()]


def read_track(folder: Path, split: str) -> Track:
    """A track from its metadata.

    Raises:
        UserError: if metadata.yaml is missing, broken, or lacks a key.
    """
    path = folder / "metadata.yaml"
    try:
        metadata = read_yaml(path)
        stems = metadata["stems"]
        rendered = [_stem(folder, name, stems[name]) for name in sorted(stems) if _is(stems[name], "audio_rendered")]
    except (OSError, ValueError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is not a track's metadata ({type(error).__name__}: {reason})") from error
    if not rendered:
        raise UserError(f"{path} lists no rendered stem")
    mix = _audio_file(folder, "mix")
    return Track(folder.name, folder, split, tuple(rendered), mix, folder / "all_src.mid", _licence(folder))


def _licence(folder: Path) -> str:
    """What `source.json` says, which the embedded corpus writes beside the metadata; without it, Slakh's."""
    path = folder / "source.json"
    if not path.is_file():
        return LICENCE
    try:
        return str(parse_json(read_regular(path, LARGEST))["licence"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} does not say the licence ({error!r}): render the track again") from error


def _stem(folder: Path, name: str, values: dict[str, Any]) -> Stem:
    if not name.isalnum():
        raise ValueError(f"{name!r:.80} is not a stem's name")
    program, is_drum = values["program_num"], _is(values, "is_drum")
    if type(program) is not int or not 0 <= program <= _DRUMS:  # nor bool, which is an int
        raise TypeError(f"program_num of {name} is {str(program)[:20]}, expected a whole number from 0 to {_DRUMS}")
    audio = _audio_file(folder / "stems", name)
    midi = folder / "MIDI" / f"{name}.mid"
    instrument = class_of(program, is_drum)
    return Stem(name, audio, midi, program, is_drum, instrument, "" if instrument else f"program {program}")


def _is(values: dict[str, Any], key: str) -> bool:
    """A truth value of a stem; never guessed: a stem of which it is missing would be dropped without a word."""
    value = values[key]
    if not isinstance(value, bool):
        raise TypeError(f"{key} is {shown(value)}, expected true or false")
    return value


def _audio_file(folder: Path, stem: str) -> Path:
    wav = folder / f"{stem}.wav"
    return wav if wav.is_file() else folder / f"{stem}.flac"

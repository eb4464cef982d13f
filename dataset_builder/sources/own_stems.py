"""Your own stems: a folder a track, an audio file a stem, a MIDI file of the same name beside it if there is one.

The instrument is read from the file's name ("02 Violin II.wav"), or stands in `track.yaml` of the track's folder:

    split: train                  # train | valid | test; otherwise drawn by the track's name: most often train
    licence: CC BY 4.0
    mix: song.wav                 # otherwise mix.*, mixture.* or master.*; without one the stems are summed
    stems: {lead.wav: violin, click.wav: ignore, drone.wav: {word: hurdy-gurdy, like: violin}}

A word of your own stands in prompts where `orchestrator.instrument_words=midi`; its class is the one that it is like.

Tracks may lie in folders train/, valid/ (or validation/) and test/.
"""

import json
import re
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from ..errors import UserError
from ..music.instrument_words import DRUMS, asked_for, name_of, program_of, sound_of
from ..music.instruments import (
    class_of_word,
    find_instruments,
    instrument_words_in,
    nearest_instruments,
    ordered,
    parse_instruments,
    refuse_word,
)
from .slakh import SPLITS as SLAKH_SPLITS
from .splits import draw_splits
from .stem_names import spelt_out
from .track import Stem, Track
from .track_files import AUDIO, FOLDERS, MIDI
from .untrusted_yaml import read_yaml

SPLITS = {**SLAKH_SPLITS, "valid": "valid"}
LICENCE = "of the owner of the stems"
_MIXES = frozenset({"mix", "mixture", "master"})
_EVERYTHING = ("all_src", "mix", "mixture", "master", "all")  # names of a MIDI file of everything
IGNORE = "ignore"
_LONGEST_ID = 100  # bytes: see the readers' limit for tracks


class OwnWord(BaseModel):
    """An instrument that has no class: what it is called, and an instrument that sounds like it."""

    model_config = ConfigDict(extra="forbid", strict=True)

    word: str
    like: str


class TrackFile(BaseModel):
    """What `track.yaml` may say."""

    model_config = ConfigDict(extra="forbid", strict=True)

    split: str | None = None
    licence: str = LICENCE
    mix: str | None = None
    stems: dict[str, str | OwnWord] = {}


def find_tracks(root: Path) -> list[tuple[str, Path]]:
    """Split and folder of every track below `root`, in order of its name.

    A split that is not given is drawn by the track's name (`draw_splits`).

    Raises:
        UserError: if there is none, two have one name, or a `track.yaml` is broken.
    """
    given = [(split, path) for name, split in SPLITS.items() for path in _track_folders(root / name)]
    free = [path for path in _track_folders(root) if path.name not in SPLITS]
    for path in list(free):
        if split := _read_file(path).split:
            if split not in SPLITS:
                raise UserError(f"{path / 'track.yaml'}: split {split!r:.80}, expected train, valid or test")
            given.append((SPLITS[split], path))
            free.remove(path)
    tracks = sorted([*given, *draw_splits(free)], key=lambda pair: pair[1].name)
    names = [path.name for _, path in tracks]
    if not tracks:
        raise UserError(
            f"no tracks in {root}: expected a folder a track with an audio file a stem ({', '.join(AUDIO)})"
        )
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"{root}: two tracks are called {twice}: rename one of them")
    return tracks


def _track_folders(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return [path for path in sorted(folder.iterdir()) if path.is_dir() and _files(path, AUDIO)]


def _files(folder: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """Files of a track, in its folder or in stems/ or MIDI/ there."""
    found = [path for name in FOLDERS for path in (folder / name).glob("*")]
    return sorted({path for path in found if path.suffix.lower() in suffixes and not path.name.startswith(".")})


def _read_file(folder: Path) -> TrackFile:
    path = folder / "track.yaml"
    if not path.exists():
        return TrackFile()
    try:
        return TrackFile.model_validate(read_yaml(path) or {})
    except (OSError, ValueError, yaml.YAMLError) as error:
        reason = error.errors()[0]["msg"] if isinstance(error, ValidationError) else " ".join(str(error).split())
        raise UserError(
            f"{path} is not a track's description ({reason}): see dataset_builder/sources/own_stems.py"
        ) from error


def read_track(folder: Path, split: str) -> Track:
    """A track from its files' names and its `track.yaml`.

    Raises:
        UserError: if that is broken, names a file that is not there, or there is no stem.
    """
    said = _read_file(folder)
    files = _files(folder, AUDIO)
    names = {path.name for path in files}
    if missing := sorted({*said.stems, *([said.mix] if said.mix else [])} - names):
        raise UserError(
            f"{folder / 'track.yaml'} names {missing[0]:.80}, which is not there: it has {', '.join(sorted(names))}"
        )
    mix = next(
        (path for path in files if path.name == said.mix or (not said.mix and path.stem.lower() in _MIXES)), None
    )
    scores = _files(folder, MIDI)
    if strange := next((path.name for path in [*files, *scores] if not path.name.isprintable()), None):
        raise UserError(f"{folder}: a file is called {strange!a}, expected UTF-8 without control characters: rename it")
    midi = {path.stem.lower(): path for path in scores}
    ignored = {name for name, said_of in said.stems.items() if str(said_of).lower() == IGNORE}
    parts = [path for path in files if path != mix and path.name not in ignored]
    stems = tuple(_stem(path, said.stems.get(path.name), midi.get(path.stem.lower())) for path in parts)
    if not stems:
        raise UserError(f"{folder} holds no stem: expected an audio file for each instrument")
    _require_names(folder, [stem.id for stem in stems])
    everything = next((midi[name] for name in _EVERYTHING if name in midi), None)
    return Track(folder.name, folder, split, stems, mix, everything, said.licence)


def _require_names(folder: Path, ids: list[str]) -> None:
    """Items and files are named after the stems."""
    if twice := next((stem for stem in ids if ids.count(stem) > 1), None):
        raise UserError(f"{folder}: two stems are called {twice}: rename one of their files")
    if "mix" in ids:
        raise UserError(f"{folder}: a stem is called mix, as the mix would be: rename its file")
    if long := next((stem for stem in ids if len(stem.encode()) > _LONGEST_ID), None):
        raise UserError(f"{folder}: the stem {long[:20]}... has a name of over {_LONGEST_ID} bytes: rename its file")


def _stem(path: Path, said: str | OwnWord | None, midi: Path | None) -> Stem:
    # Without "-", which stands between track and stem in the names of items: "a-b" and "c" is not "a" and "b_c".
    name = re.sub(r"[\W_]+", "_", path.stem).strip("_") or "stem"
    words = spelt_out(path.stem)
    found, word = _instruments(said) if said else _named_in(words)
    if len(found) == 1:
        program = program_of(word, found[0])
        is_drum = found[0] == DRUMS
        own = None if word == sound_of(program, is_drum) else word
        return Stem(name, path, midi, program, is_drum, found[0], word=own)
    likely = found or nearest_instruments(words)
    reason = "it names several instruments" if found else "it names no known instrument"
    guesses = f" ({', '.join(likely)}?)" if likely else ""
    example = likely[0] if likely else IGNORE
    cure = f"say which in track.yaml, as in 'stems: {{{json.dumps(path.name, ensure_ascii=False)}: {example}}}'"
    return Stem(name, path, midi, 0, False, None, f"{path.name}: {reason}{guesses}: {cure}")


def _named_in(words: str) -> tuple[tuple[str, ...], str]:
    """The classes that a file's name names, and its word for the first of them."""
    found = find_instruments(words)
    meaning = (word for word in instrument_words_in(words) if found and class_of_word(word) == found[0])
    return found, next(meaning, "")


def _instruments(said: str | OwnWord) -> tuple[tuple[str, ...], str]:
    """The classes that `track.yaml` says of a stem, and the word for them.

    Raises:
        UserError: for a word that is not known, or what is no instrument's name.
    """
    if isinstance(said, OwnWord):
        return parse_instruments(said.like), name_of(said.word)
    (asked, *_) = found = asked_for(said)
    return ordered(one.instrument or refuse_word(one.word) for one in found), asked.word

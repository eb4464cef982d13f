"""A recording and the JSON that says how it came about: written together, whole or not at all."""

import hashlib
import io
import json
import os
import re
import shutil
import tempfile
import unicodedata
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from dataset_builder.audio.loudness import normalised
from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic

FORMATS: dict[str, str] = {"wav": "WAV", "flac": "FLAC"}  # ending -> soundfile's name; both 16 bit
_LONGEST_WORDS, _LONGEST_MODEL = 100, 60  # letters in a name, of which file systems take 255
_ASKED = ("reference", "prompt", "instruments", "words", "model", "seed", "settings", "computed")  # decides a take
_CHOSEN = ("candidates", "ranking", "loudness", "parts", "redone")  # decide what is written, where a record has them
_ROOM = 1 << 20  # bytes on disk, beside what takes need
_MOST_BYTES_A_SECOND = 2 * 48_000  # of a take


@dataclass(frozen=True)
class Recording:
    """What a model played, and how it came about.

    Attributes:
        wav: float32 `[T]` mono as the model generated it; loud passages may pass full scale.
        sample_rate: in Hz.
        record: what the JSON beside it says, see `orchestrate`.
    """

    wav: np.ndarray
    sample_rate: int
    record: dict[str, Any]

    @property
    def playable(self) -> np.ndarray:
        """The audio within -1..1, as it is written and heard."""
        return within_scale(self.wav)

    def name(self, audio: bytes, ending: str) -> str:
        """`song-violin-nano-g3-s1-2ba4f1c7`: a file name on every system, another one for whatever else was asked.

        Reference, the user's words for instruments, model, guidance and seed are there to be read; the digits at the
        end are of all that decides the audio, and of the file's bytes. So of takes that another version of a library
        plays otherwise, or that processes write at once, none replaces another or gets its record.
        """
        reference = Path(self.record["reference"].get("file", "reference")).stem
        words = _plain(" ".join([reference, *self.record["words"]]))[:_LONGEST_WORDS]
        model = _plain(Path(self.record["model"]["name"]).name)[:_LONGEST_MODEL]
        asked = json.dumps(asked_in(self.record), sort_keys=True)
        digits = hashlib.sha256(asked.encode() + audio).hexdigest()[:8]
        return f"{words}-{model}-g{self.record['settings']['guidance']:g}-s{self.record['seed']}-{digits}.{ending}"


def asked_in(record: Mapping[str, Any]) -> dict[str, Any]:
    """What of a record was asked for, and by whom and on what it was computed: all that decides a take.

    Raises:
        LookupError, TypeError: it is no record.
    """
    return {name: record[name] for name in _ASKED} | {name: record[name] for name in _CHOSEN if name in record}


def within_scale(wav: np.ndarray) -> np.ndarray:
    """Audio `[T]`, scaled down to a peak of 1 if it is louder."""
    return wav / max(1.0, float(np.abs(wav).max(initial=0.0)))


def _as_loud(recording: Recording) -> np.ndarray:
    loudness = recording.record.get("loudness")
    return recording.playable if loudness is None else normalised(recording.wav, recording.sample_rate, loudness)


def _plain(text: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_]+", "-", ascii_text).strip("-") or "reference"


def check_writable(folder: Path) -> None:
    """Make sure that files can be made in `folder`, which need not exist; nothing stays behind.

    Permissions alone do not tell (read-only disks, quotas, network shares), so a file is made and removed, in a folder
    that no other process uses.

    Raises:
        UserError: if they cannot.
    """
    try:
        nearest = _nearest(folder)
        with tempfile.TemporaryDirectory(prefix=".", suffix=".tmp", dir=nearest) as probe:
            (Path(probe) / "probe").touch()
    except OSError as error:
        raise UserError(f"cannot write to the folder {folder} ({error.strerror}): choose another --out") from error


def require_room(folder: Path, seconds: float) -> None:
    """See that so many seconds of takes fit on the disk of a folder, which need not exist.

    Raises:
        UserError: if not.
    """
    needed, free = _ROOM + round(seconds * _MOST_BYTES_A_SECOND), shutil.disk_usage(_nearest(folder)).free
    if free < needed:
        raise UserError(
            f"the disk of {folder} has {free >> 20} MiB left, and the takes need {needed >> 20}: free some, or choose "
            "another --out"
        )


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest of those that it would be in."""
    return next(parent for parent in [folder, *folder.absolute().parents] if _is_there(parent))


def _is_there(path: Path) -> bool:
    """Whether there is something of this name, be it a link that leads nowhere.

    Raises:
        OSError: if there can be nothing of this name.
    """
    with suppress(FileNotFoundError):
        path.lstat()
        return True
    return False


def write(recording: Recording, folder: Path, ending: str) -> Path:
    """Write a recording, in one of `FORMATS`, and its record in a JSON file beside it; returns the recording's path.

    It is as loud as its record's `loudness` says (LUFS), or, where there is none, as it was played. The JSON file comes
    last: where it is, both are whole.

    Raises:
        UserError: if the folder cannot be written (the disk is full, say).
    """
    audio = io.BytesIO()
    try:
        soundfile.write(audio, _as_loud(recording), recording.sample_rate, subtype="PCM_16", format=FORMATS[ending])
        path = folder / recording.name(audio.getvalue(), ending)
        atomic.write_bytes(path, audio.getvalue())
        atomic.write_json(path.with_suffix(".json"), recording.record)
    except (OSError, soundfile.SoundFileError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise UserError(f"cannot write a recording to {folder} ({reason})") from error
    return path

"""A recording and the JSON that says how it came about: written together, whole or not at all."""

import os
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import soundfile

from dataset_builder.errors import UserError
from dataset_builder.music.instruments import ordered
from dataset_builder.runtime import atomic

FORMATS: dict[str, str] = {"wav": "WAV", "flac": "FLAC"}  # ending -> soundfile's name; both 16 bit
_LONGEST_NAME = 120


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

    @property
    def name(self) -> str:
        """`song-violin-cello-s1`: a file name on every system."""
        reference = Path(self.record["reference"].get("file", "reference")).stem
        words = _plain(" ".join([reference, *ordered(self.record["instruments"])]))
        return f"{words[:_LONGEST_NAME]}-s{self.record['seed']}"


def within_scale(wav: np.ndarray) -> np.ndarray:
    """Audio `[T]`, scaled down to a peak of 1 if it is louder."""
    return wav / max(1.0, float(np.abs(wav).max(initial=0.0)))


def _plain(text: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_]+", "-", ascii_text).strip("-") or "reference"


def check_writable(folder: Path) -> None:
    """Make sure that files can be made in `folder`, which need not exist; nothing stays behind.

    Permissions alone do not tell (read-only disks, quotas, network shares), so a file is made and removed.

    Raises:
        UserError: if they cannot.
    """
    made: list[Path] = []
    try:
        for parent in reversed([folder, *folder.parents]):
            if not parent.exists():
                parent.mkdir()
                made.append(parent)
        probe = folder / f".{uuid4().hex}.tmp"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UserError(f"cannot write to the folder {folder} ({error.strerror}): choose another --out") from error
    finally:
        for parent in reversed(made):
            parent.rmdir()


def write(recording: Recording, folder: Path, ending: str) -> Path:
    """Write a recording, in one of `FORMATS`, and its record in a JSON file beside it; returns the recording's path.

    The JSON file comes last: where it is, both are whole.

    Raises:
        UserError: if the folder cannot be written (the disk is full, say).
    """
    path = folder / f"{recording.name}.{ending}"
    try:
        with atomic.replacing(path.with_suffix(".json")) as json_file, atomic.replacing(path) as audio_file:
            soundfile.write(
                audio_file, recording.playable, recording.sample_rate, subtype="PCM_16", format=FORMATS[ending]
            )
            atomic.write_json(json_file, recording.record)
    except (OSError, soundfile.SoundFileError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise UserError(f"cannot write {path} ({reason})") from error
    return path

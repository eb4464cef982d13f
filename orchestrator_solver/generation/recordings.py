"""A recording and the JSON that says how it came about: written together, whole or not at all."""

import os
import re
import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import soundfile

from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic

FORMATS: dict[str, str] = {"wav": "WAV", "flac": "FLAC"}  # ending -> soundfile's name; both 16 bit
_LONGEST_NAME = 120


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


def name_of(reference: Path, instruments: tuple[str, ...], seed: int) -> str:
    """`song-violin-cello-s1`: a file name on every system."""
    return f"{_plain(' '.join([reference.stem, *instruments]))[:_LONGEST_NAME]}-s{seed}"


def _plain(text: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_]+", "-", ascii_text).strip("-") or "reference"


def write(path: Path, wav: np.ndarray, sample_rate: int, record: Mapping[str, Any]) -> Path:
    """Write mono audio `[T]` to `path`, whose ending is one of `FORMATS`, and `record` to a JSON file beside it.

    The JSON file comes last: where it is, both are whole. Returns its path.

    Raises:
        UserError: if the folder cannot be written (the disk is full, say).
    """
    beside = path.with_suffix(".json")
    try:
        with atomic.replacing(beside) as json_file, atomic.replacing(path) as audio_file:
            soundfile.write(audio_file, wav, sample_rate, subtype="PCM_16", format=FORMATS[path.suffix[1:]])
            atomic.write_json(json_file, dict(record))
    except (OSError, soundfile.SoundFileError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else error
        raise UserError(f"cannot write {path} ({reason})") from error
    return beside

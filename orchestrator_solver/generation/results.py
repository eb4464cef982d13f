"""The takes that are in a folder: found by what was asked for, and listed in a table.

Their records are files like any other: what is none, or does not belong to the sound beside it, counts for nothing.
"""

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from dataset_builder.audio.times import clock
from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic
from dataset_builder.runtime.untrusted import parse_json, read_regular

from .recordings import FORMATS, Recording, asked_in

_LARGEST_RECORD, _LARGEST_TAKE = 1 << 20, 1 << 30  # bytes
_LARGEST_SEED = 2**62
_FIRST = ("file", "take", "instruments", "seed")
_LAST = ("seconds", "warnings", "error")


@dataclass(frozen=True)
class Failure:
    """A file that could not be played.

    Attributes:
        file: its name.
        line: why.
    """

    file: str
    line: str


@dataclass(frozen=True)
class Kept:
    """A take on disk: its sound, and its record."""

    path: Path
    record: dict[str, Any]


@dataclass(frozen=True)
class KeptTakes:
    """The takes in a folder, as they are when it is first asked.

    Attributes:
        folder: with the takes.
        ending: of their sound, in `FORMATS`.
    """

    folder: Path
    ending: str

    def find(self, asked: Mapping[str, Any]) -> Kept | None:
        """The whole take that was made of the same; None if there is none."""
        found = self._by_asked.get(_key(asked))
        return found if found and _is_whole(found) else None

    @cached_property
    def _by_asked(self) -> dict[str, Kept]:
        takes = [kept for kept in kept_in(self.folder) if kept.path.suffix == f".{self.ending}"]
        return {_key(asked_in(kept.record)): kept for kept in takes}


def kept_in(folder: Path) -> Iterator[Kept]:
    """The takes of a folder that have a record, in the order of their names."""
    for path in sorted(folder.glob("*.json")):
        sounds = [path.with_suffix(f".{ending}") for ending in FORMATS]
        try:
            record = parse_json(read_regular(path, _LARGEST_RECORD))
            asked_in(record)
        except (OSError, ValueError, LookupError, TypeError):
            continue
        yield from (Kept(sound, record) for sound in sounds if sound.is_file())


def read_take(path: Path) -> Recording:
    """A take on disk, with its record.

    Raises:
        UserError: it or the JSON file beside it cannot be read, or is no take's.
    """
    try:
        record = parse_json(read_regular(path.with_suffix(".json"), _LARGEST_RECORD))
        asked_in(record)
        wav, rate = soundfile.read(io.BytesIO(read_regular(path, _LARGEST_TAKE)), dtype="float32")
        take = Recording(wav, rate, record)
        take.name(b"", path.suffix[1:])  # whatever it is made of is there
        sane = wav.ndim == 1 and np.isfinite(wav).all() and isinstance(record.get("redone", []), list)
        if not sane or not isinstance(record["seed"], int) or not 0 <= record["seed"] < _LARGEST_SEED:
            raise ValueError("no take of this program")
    except (ArithmeticError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path}: no take with the JSON file that was written beside it ({reason})") from error
    return take


def _key(asked: Mapping[str, Any]) -> str:
    return json.dumps(asked, sort_keys=True)


def _is_whole(kept: Kept) -> bool:
    """Whether the sound is the one that its name's digits are of."""
    try:
        audio = read_regular(kept.path, _LARGEST_TAKE)
        named = Recording(np.zeros(0, np.float32), 1, kept.record).name(audio, kept.path.suffix[1:])
    except (ArithmeticError, OSError, LookupError, TypeError, ValueError, AttributeError):
        return False
    return named == kept.path.name


def write_results(path: Path, folder: Path, failures: Sequence[Failure]) -> None:
    """Write a table of all takes in a folder and of the files that could not be played, whole or not at all."""
    rows = [row for row in map(_row, kept_in(folder)) if row is not None]
    scores = dict.fromkeys(name for row in rows for name in row if name not in (*_FIRST, *_LAST))
    text = io.StringIO(newline="")
    table = csv.DictWriter(text, [*_FIRST, *scores, *_LAST], restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    table.writerows({"file": one.file, "error": one.line} for one in failures)
    atomic.write_bytes(path, text.getvalue().encode(errors="backslashreplace"))  # names need be no text


def _row(kept: Kept) -> dict[str, Any] | None:
    record = kept.record
    try:
        return {
            "file": record["reference"].get("file", ""), "take": kept.path.name,
            "instruments": ", ".join(record["words"]), "seed": record["seed"], **record["scores"],
            "seconds": clock(record["seconds"]["audio"]), "warnings": "; ".join(record["warnings"]),
        }  # fmt: skip
    except (ArithmeticError, LookupError, TypeError, ValueError, AttributeError):
        return None

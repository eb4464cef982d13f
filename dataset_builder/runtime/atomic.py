"""Files that are written whole or not at all: to a temporary file beside the target, then renamed."""

import gzip
import io
import itertools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import soundfile

from ..errors import FREE_SOME, NO_ROOM, NOT_OURS, UserError

_TEMPORARY = re.compile(r"\..+\.[0-9a-f]{8}\.tmp(\.\w+)*")


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path in the target's folder that becomes `path` when the block ends, and is removed if it fails.

    Raises:
        UserError: if the disk is full, this user may not write there, a folder is in the file's place, or libsndfile
            cannot write.
    """
    temporary = path.with_name(f".{path.stem}.{uuid4().hex[:8]}.tmp{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if path.is_dir():
            raise UserError(f"{path} is a folder, expected a file: remove it and run it again") from error
        if error.errno not in NO_ROOM | NOT_OURS:
            raise
        cure = FREE_SOME if error.errno in NO_ROOM else "name a folder that you may write to"
        raise UserError(f"{path} cannot be written: {error.strerror}: {cure}") from error
    except soundfile.LibsndfileError as error:  # it does not say why; a file that is read has its own error
        raise UserError(f"{path} cannot be written ({error}), is the disk full? If so, {FREE_SOME}") from error
    finally:
        temporary.unlink(missing_ok=True)


def remove_leftovers(root: Path, *folders: str) -> None:
    """Remove the temporary files that a killed process left in a folder and below these folders of it.

    Nobody else may be writing there.
    """
    for path in itertools.chain(root.glob(".*.tmp*"), *((root / name).rglob(".*.tmp*") for name in folders)):
        if _TEMPORARY.fullmatch(path.name):
            path.unlink(missing_ok=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path`."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path: Path, text: str) -> None:
    """Write `text` as UTF-8 to `path`."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON with a newline at the end."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def record(fields: Mapping[str, Any]) -> str:
    """A JSON object with a line for each field: still to be read, and ten times faster than indenting it all."""
    lines = (f"{json.dumps(name)}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items())
    return "{\n" + ",\n".join(lines) + "\n}\n"


def write_record(path: Path, fields: Mapping[str, Any]) -> None:
    """Write a JSON object with a line for each field."""
    write_text(path, record(fields))


def write_json_gz(path: Path, lines: Iterable[Any]) -> None:
    """Write a gzipped JSON line for each value; no time stamp, so that equal values make equal bytes."""
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", fileobj=buffer, mode="wb", mtime=0) as file:
        for line in lines:
            file.write(json.dumps(line, ensure_ascii=False).encode() + b"\n")
    write_bytes(path, buffer.getvalue())

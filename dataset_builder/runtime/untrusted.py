"""What a stranger made: files, read only if they are regular and no further than they may be long, and JSON.

A named pipe is waited for without end, a device such as /dev/zero never stops, and a few bytes of gzip stand for more
than any memory holds. Of JSON, what cannot be read is always a ValueError in one line. A schema of pydantic-core says
which fields there are, of which types and within which bounds; it is checked while the text is parsed, which together
takes half of the time that `json` and Python's own constructors take.
"""

import gzip
import json
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ..errors import UserError

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator, ValidationError

_DEEPEST = 64  # levels; what is written here has 5
_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK  # not to wait for the other end of a pipe


def leads_out(path: Path, root: Path) -> bool:
    """Whether links lead from a path below a folder to somewhere that is not below it."""
    return not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root))


def require_inside(folder: Path, root: Path) -> None:
    """Refuse a folder of a data set that leads out of it: what is written there would replace others' files.

    Raises:
        UserError: if it does.
    """
    if leads_out(folder, root):
        raise UserError(f"{folder} is a link to {os.path.realpath(folder)}: expected a folder of the data set itself")


@contextmanager
def opened(path: Path, *, follow: bool = True) -> Iterator[int]:
    """The descriptor of a regular file.

    Args:
        path: of the file.
        follow: whether it may be a link.

    Raises:
        OSError: if it is missing or cannot be read, or is a link that is not followed.
        ValueError: if it is no regular file.
    """
    descriptor = os.open(path, _FLAGS if follow else _FLAGS | os.O_NOFOLLOW)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError("it is no regular file")
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def appending(path: Path) -> Iterator[int]:
    """The descriptor of a regular file to whose end is written, which is made if there is none; no link is followed.

    Raises:
        OSError: if it cannot be written.
        ValueError: if it is a link, or no regular file.
    """
    with suppress(FileNotFoundError):
        if not stat.S_ISREG(path.lstat().st_mode):
            raise ValueError("it is a link or no regular file")
    flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    descriptor = os.open(path, flags, 0o666)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def read_regular(path: Path, most: int, *, follow: bool = True) -> bytes:
    """What a regular file of at most so many bytes holds.

    Args:
        path: of the file.
        most: bytes.
        follow: whether it may be a link.

    Raises:
        OSError: if it is missing or cannot be read, or is a link that is not followed.
        ValueError: if it is no regular file, or longer.
    """
    with opened(path, follow=follow) as descriptor:
        size = os.fstat(descriptor).st_size
        if size > most:
            raise ValueError(f"it has {size} bytes, expected at most {most}")
        data = os.read(descriptor, size + 1)
        if len(data) != size:  # it grows or shrinks meanwhile, or is so large that it comes in parts
            with os.fdopen(os.dup(descriptor), "rb") as file:
                data += file.read(most + 1 - len(data))
            if len(data) > most:
                raise ValueError(f"it has more than {most} bytes")
        return data


def unzipped_lines(path: Path, most: int, longest: int, count: int) -> Iterator[bytes]:
    """The lines of a regular file that is gzipped, one after the other.

    Args:
        path: of the file.
        most: bytes that it may hold, unzipped.
        longest: bytes of a line.
        count: lines that it may have.

    Raises:
        OSError: if it is missing or cannot be read.
        ValueError: if it is no regular file, not gzip, or holds more.
    """
    with opened(path) as descriptor, os.fdopen(os.dup(descriptor), "rb") as file:
        try:
            yield from _lines(gzip.GzipFile(fileobj=file), most, longest, count)
        except (EOFError, zlib.error) as error:
            raise ValueError(f"it is not whole ({error})") from error


def _lines(file: IO[bytes] | gzip.GzipFile, most: int, longest: int, count: int) -> Iterator[bytes]:
    left = most
    while line := file.readline(longest + 1):
        left, count = left - len(line), count - 1
        if left < 0 or len(line) > longest or count < 0:
            raise ValueError(f"it holds more than {most} bytes, or more than {longest} in a line, or too many lines")
        yield line


def parse_json(data: bytes | str) -> Any:
    """What a JSON text says; numbers are finite.

    Raises:
        ValueError: if it is no such text, or nested so deeply that Python cannot follow.
    """
    try:
        value = json.loads(data, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    _require_flat(value)
    return value


def _require_flat(value: Any) -> None:
    """See that whatever copies, compares or writes a value can follow it, which takes more a level than reading it."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return
    raise ValueError("it is nested too deeply")


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def validated(validator: "SchemaValidator", data: bytes) -> Any:
    """What a JSON text says, as its schema makes it.

    Raises:
        ValueError: if it is no JSON, or breaks the schema: which field, what was found and what was expected.
    """
    from pydantic_core import ValidationError

    try:
        return validator.validate_json(data)
    except ValidationError as error:
        raise ValueError(_told(error)) from error


def _told(error: "ValidationError") -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return str(first["msg"])
    field = ".".join(map(str, first["loc"])) or "all of it"
    return f"{field} is {shown(first['input'])}: {first['msg']}"


def shown(value: Any) -> str:
    """A value in a few printable letters."""
    text = ascii(value) if isinstance(value, str | int | float | None) else type(value).__name__
    return text if len(text) <= 60 else f"{text[:60]}..."

"""SHA-256 of files, in lists of the format of `sha256sum`: `sha256sum --check LIST` reads them too."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from ..errors import UserError
from . import atomic
from .untrusted import opened, read_regular

_LARGEST = 1 << 28  # bytes of a list: of all of Slakh2100 it has 5 MB


def digest_of(path: Path) -> str:
    """A file's SHA-256.

    Raises:
        FileNotFoundError: if there is none.
        ValueError: if it is no regular file, reading which might never end.
    """
    with opened(path) as descriptor, os.fdopen(os.dup(descriptor), "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest_if_there(path: Path) -> str | None:
    """A file's SHA-256; None if there is no such file, and no hash if it is no regular one."""
    try:
        return digest_of(path)
    except FileNotFoundError:
        return None
    except ValueError:
        return "none"


def write_checksums(path: Path, digests: Mapping[str, str]) -> None:
    """Write the list of files and their SHA-256, in order of their names."""
    atomic.write_text(path, "".join(f"{digest}  {name}\n" for name, digest in sorted(digests.items())))


def read_checksums(path: Path) -> dict[str, str]:
    """SHA-256 of files by their names, from a list.

    Raises:
        UserError: if it is not there, or torn.
    """
    try:
        pairs = [line.split("  ", 1) for line in read_regular(path, _LARGEST).decode().splitlines()]
        digests = {name: digest for digest, name in pairs}
        if outside := [name for name in digests if name.startswith("/") or ".." in name.split("/")]:
            raise ValueError(f"{outside[0]} is not below its folder")
        return digests
    except FileNotFoundError as error:
        raise UserError(f"no {path}: expected a finished data set; run its build again") from error
    except ValueError as error:
        raise UserError(f"{path} is torn: remove it and run the build again") from error

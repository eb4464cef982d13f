"""Files of a package that is known byte by byte: read out of its wheel, none of its code is run."""

import argparse
import hashlib
import sys
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError
from . import atomic


@dataclass(frozen=True)
class KnownPackage:
    """A package on PyPI, as it was when its files were looked at.

    Attributes:
        name, version: as pip knows it.
        sha256: of the files that may be read, by their path in it.
    """

    name: str
    version: str
    sha256: dict[str, str]

    def read(self, package: Path, path: str) -> bytes:
        """One of these files, out of a wheel or of a folder that it is unpacked in.

        Raises:
            UserError: it is missing, or not the one that is known.
        """
        cure = f"pip download --no-deps {self.name}=={self.version}"
        try:
            if package.is_dir():
                content = (package / path).read_bytes()
            else:
                with zipfile.ZipFile(package) as archive:
                    content = archive.read(path)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            raise UserError(
                f"{package}: no {path} can be read there ({error}); expected {self.name} {self.version}: {cure}"
            ) from error
        if hashlib.sha256(content).hexdigest() != self.sha256[path]:
            raise UserError(f"{package}: its {path} is not the one of {self.name} {self.version}: {cure}")
        return content


def run_converter(
    program: str, about: str | None, convert: Callable[[Path], bytes], out: Path, argv: Sequence[str] | None
) -> int:
    """A program that makes a shipped file of such a package; returns its exit code: 2 for another package.

    Args:
        program: its name, for its help.
        about: what it does, for its help.
        convert: from the package's wheel, or a folder that it is unpacked in, to the file's bytes.
        out: the shipped file.
        argv: the words after the program's name; None takes those that it was called with.
    """
    parser = argparse.ArgumentParser(
        prog=program, description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("package", type=Path, help="the package's wheel, or a folder that it is unpacked in")
    parser.add_argument("--out", type=Path, default=out, help="the file to write (default: the one that is shipped)")
    args = parser.parse_args(argv)
    try:
        atomic.write_bytes(args.out, convert(args.package))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"{args.out}: {args.out.stat().st_size} bytes, SHA-256 {hashlib.sha256(args.out.read_bytes()).hexdigest()}")
    return 0

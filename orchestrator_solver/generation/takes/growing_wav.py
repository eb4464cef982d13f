"""A file that can be listened to while it is made."""

import io
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from dataset_builder.errors import UserError

_FULL_SCALE = 32767
_HEADER = struct.Struct("<4sI4s4sIHHIIHH4sI")  # of a wav with samples alone; all other writers set it at the end


class GrowingWav:
    """Mono samples of 16 bits; after every piece the file is a whole one of all pieces so far."""

    def __init__(self, file: io.RawIOBase, path: Path, sample_rate: int) -> None:
        self._file, self._path, self._rate, self._bytes = file, path, sample_rate, 0

    def add(self, wav: np.ndarray) -> None:
        """Write samples `[T]`; those beyond full scale are cut, since nobody knows yet how loud it will become.

        Raises:
            UserError: it cannot be written (the disk is full, say).
        """
        samples = np.rint(np.clip(wav, -1, 1) * _FULL_SCALE).astype("<i2").tobytes()
        self._write(_HEADER.size + self._bytes, samples)
        self._bytes += len(samples)
        self._write(0, self._header())

    def _write(self, place: int, data: bytes) -> None:
        try:
            self._file.seek(place)
            while data:
                data = data[self._file.write(data) or 0 :]
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def _header(self) -> bytes:
        size, rate = self._bytes, self._rate
        riff = (b"RIFF", _HEADER.size - 8 + size, b"WAVE")
        return _HEADER.pack(*riff, b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", size)


@contextmanager
def growing_wav(path: Path, sample_rate: int) -> Iterator[GrowingWav]:
    """A file without samples yet, in place of what was there.

    Raises:
        UserError: it cannot be made.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("wb", buffering=0)
    except OSError as error:
        raise _unwritable(path, error) from error
    with file:
        growing = GrowingWav(file, path, sample_rate)
        growing.add(np.zeros(0, np.float32))
        yield growing


def _unwritable(path: Path, error: OSError) -> UserError:
    return UserError(f"cannot write {path} ({error.strerror}): name another --stream")

"""16-bit mono FLAC, decoded by dr_flac (inside miniaudio): libsndfile's samples to the last bit, in half the time.

dr_flac passes over a frame that is damaged without a word, and what follows then comes too early. Who reads here has to
notice: by the number of samples of a whole file, by the end of an excerpt (`Excerpt.agrees`).
"""

from collections.abc import Iterator
from pathlib import Path

import miniaudio
import numpy as np
import soundfile

_PROBE = 64  # samples that are compared
_BLOCK = 1 << 16  # samples at a time: they stay in the cache, and threads seldom wait for each other


def is_plain(file: soundfile.SoundFile) -> bool:
    """Whether a file that is open is such a one."""
    return (file.format, file.subtype, file.channels) == ("FLAC", "PCM_16", 1)


def blocks(path: Path, sample_rate: int, size: int, first: int = 0) -> Iterator[np.ndarray]:
    """Samples from `first` to the file's end, int16, `size` at a time; nothing if it cannot be read from there.

    Args:
        path: of the file.
        sample_rate: its own, in Hz.
        size: of a block; the last one is shorter.
        first: sample to begin with.
    """
    as_they_are = {"output_format": miniaudio.SampleFormat.SIGNED16, "nchannels": 1, "sample_rate": sample_rate}
    try:
        for block in miniaudio.stream_file(str(path), frames_to_read=size, seek_frame=first, **as_they_are):
            yield np.frombuffer(block, np.int16)
    except miniaudio.MiniaudioError:
        return


class Excerpt:
    """Samples `first .. first + count` of a file, a block after the other.

    Args:
        file: a plain one that is open; where it stands is changed.
        first: sample to begin with.
        count: of samples, no more than the file's header promises from there on.
    """

    def __init__(self, file: soundfile.SoundFile, first: int, count: int):
        self._file, self._first, self._count = file, first, count
        self._found = 0
        self._sound: tuple[int, np.ndarray] | None = None

    def __iter__(self) -> Iterator[tuple[int, np.ndarray]]:
        """The blocks, int16, each with its place in the excerpt."""
        for block in blocks(Path(self._file.name), self._file.samplerate, _BLOCK, self._first):
            part = block[: self._count - self._found]
            if part.any():
                self._sound = self._found, part
            yield self._found, part
            self._found += len(part)
            if self._found == self._count:
                return

    def agrees(self) -> bool:
        """Whether all was found, with the last sound where libsndfile, which goes there directly, finds it."""
        if self._found < self._count or self._sound is None:
            return self._found == self._count
        at, block = self._sound
        end = int(np.flatnonzero(block)[-1]) + 1
        begin = max(0, end - _PROBE)
        self._file.seek(self._first + at + begin)
        return np.array_equal(self._file.read(end - begin, dtype="int16"), block[begin:end])

"""A file that was decoded whole and stays in memory, so that its excerpts need no decoding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import soundfile

_FULL_SCALE = np.float32(1 << 15)


@dataclass(frozen=True)
class Decoded:
    """A file's samples.

    Attributes:
        sample_rate: in Hz.
        blocks: the samples in order, as `mono_samples` gives them.
    """

    sample_rate: int
    blocks: Sequence[np.ndarray]

    @property
    def frames(self) -> int:
        """How many samples there are."""
        return sum(map(len, self.blocks))

    def part(self, first: int, last: int) -> Iterator[tuple[int, np.ndarray]]:
        """Samples `first .. last`, block by block, each block with its place in the file."""
        at = 0
        for block in self.blocks:
            begin, end = max(0, first - at), min(last - at, len(block))
            if begin < end:
                yield at + begin, block[begin:end]
            at += len(block)


def mono_samples(block: np.ndarray) -> np.ndarray:
    """A copy of samples `[T, C]`, int16 or float32, as one channel `[T]` in the scale in which 1 is a bit of 16.

    The bits are those that `reading.read_sum` finds in the file. Integers of one channel stay so: half the memory.
    """
    if block.shape[1] == 1:
        return block[:, 0].copy() if block.dtype == np.int16 else block[:, 0] * _FULL_SCALE
    scaled = block / _FULL_SCALE if block.dtype == np.int16 else block
    return scaled.mean(axis=1) * _FULL_SCALE


def is_exact(file: soundfile.SoundFile) -> bool:
    """Whether samples of a file are the same wherever decoding begins, which those of lossy formats need not be."""
    return file.subtype.startswith("PCM") or file.subtype in ("FLOAT", "DOUBLE")

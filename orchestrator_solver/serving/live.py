"""A take that is heard while it is played: a wav file of known length, of which the server sends what there is."""

import asyncio
import struct
from collections.abc import AsyncIterator

import numpy as np

_LOOK_EVERY = 0.05  # seconds


class LiveWav:
    """16-bit mono audio that grows; any number may listen, from its beginning.

    Args:
        sample_rate: in Hz.
        seconds: that it will have; if it ends sooner, what comes is shorter than its header says.
    """

    def __init__(self, sample_rate: int, seconds: float) -> None:
        self._parts = [_header(sample_rate, round(sample_rate * seconds))]
        self._ended = False

    def add(self, wav: np.ndarray) -> None:
        """Add float samples `[T]`; beyond full scale they are cut, since nobody knows yet how loud it becomes."""
        self._parts.append((np.clip(np.nan_to_num(wav), -1, 1) * 32767).astype("<i2").tobytes())

    def end(self) -> None:
        """Nothing more will come."""
        self._ended = True

    async def parts(self) -> AsyncIterator[bytes]:
        """The file's bytes, as they come."""
        sent = 0
        while True:
            ended = self._ended  # before looking for parts, of which the last may come meanwhile
            for part in self._parts[sent:]:
                sent += 1
                yield part
            if ended:
                return
            await asyncio.sleep(_LOOK_EVERY)


def _header(rate: int, samples: int) -> bytes:
    size = 2 * samples
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF", 36 + size, b"WAVE", b"fmt ", 16, 1, 1, rate, 2 * rate, 2, 16, b"data", size,
    )  # fmt: skip

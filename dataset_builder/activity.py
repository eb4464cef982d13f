"""When a stem sounds, from its audio."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from .errors import UserError
from .items import Spans

FRAME = 0.05  # seconds
FLOOR_DBFS = -50.0
BELOW_LOUDEST_DB = 40.0
MERGE_GAP = 0.3  # seconds: a shorter pause does not end a span
_BLOCK_FRAMES = 1200  # a minute at a time, whatever the file's length


class Frames(NamedTuple):
    """A file's loudness: root mean square of each frame of `FRAME` seconds `[N]`; seconds; Hz."""

    rms: np.ndarray
    duration: float
    sample_rate: int


def frame_rms(path: Path) -> Frames:
    """Decode a file once, a minute at a time.

    Raises:
        UserError: if the file is missing, empty, cut off or not audio, or holds values that are not finite.
    """
    try:
        with soundfile.SoundFile(path) as file:
            size = max(1, round(FRAME * file.samplerate))
            frames, rate = file.frames, file.samplerate
            blocks = file.blocks(size * _BLOCK_FRAMES, dtype="float32", always_2d=True)
            values = [_block_rms(block.mean(axis=1), size) for block in blocks]
    except (OSError, soundfile.SoundFileError) as error:
        raise UserError(f"{path} cannot be read as audio ({error})") from error
    rms = np.concatenate(values) if values else np.zeros(0)
    if not len(rms):
        raise UserError(f"{path} holds no audio")
    if not np.isfinite(rms).all():
        raise UserError(f"{path} holds values that are not finite")
    return Frames(rms, frames / rate, rate)


def _block_rms(wav: np.ndarray, size: int) -> np.ndarray:
    padded = np.pad(wav, (0, -len(wav) % size)).reshape(-1, size)
    return np.sqrt((padded.astype(np.float64) ** 2).mean(axis=1))


def spans_of(rms: np.ndarray, duration: float) -> Spans:
    """Spans in seconds in which frames are above -50 dBFS and within 40 dB of the loudest."""
    threshold = max(10 ** (FLOOR_DBFS / 20), float(rms.max(initial=0.0)) * 10 ** (-BELOW_LOUDEST_DB / 20))
    active = np.concatenate([[False], rms >= threshold, [False]])
    edges = np.flatnonzero(active[1:] != active[:-1])
    merged: list[list[float]] = []
    for first, last in zip(edges[::2] * FRAME, edges[1::2] * FRAME, strict=True):
        if merged and first - merged[-1][1] < MERGE_GAP:
            merged[-1][1] = last
        else:
            merged.append([first, last])
    return tuple((round(first, 3), round(min(last, duration), 3)) for first, last in merged)

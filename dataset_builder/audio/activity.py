"""When a stem sounds, from its audio."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile

from ..errors import UserError
from . import flac_decoder
from .limits import require_recording
from .spans import Spans

FRAME = 0.05  # seconds
FLOOR_DBFS = -50.0
BELOW_LOUDEST_DB = 40.0
MERGE_GAP = 0.3  # seconds: a shorter pause does not end a span
# Frames decoded at a time, since soundfile seeks after every read; and squared at a time, which fit in the cache.
_BLOCK_FRAMES, _CACHED_FRAMES = 400, 40


class Frames(NamedTuple):
    """A file's loudness: root mean square of each frame of `FRAME` seconds `[N]`; seconds; Hz."""

    rms: np.ndarray
    duration: float
    sample_rate: int


Keep = Callable[[soundfile.SoundFile, np.ndarray], None]


def frame_rms(path: Path, keep: Keep | None = None) -> Frames:
    """Decode a file once, block by block.

    Args:
        path: of the file.
        keep: called with the open file and each block of it, `[T, C]`, which the next block overwrites.

    Raises:
        UserError: if the file is missing, empty, cut off or not audio, or holds values that are not finite.
    """
    try:
        with soundfile.SoundFile(path) as file:
            frames, rate = file.frames, file.samplerate
            require_recording(path, rate, frames)
            size = round(FRAME * rate)
            full_scale = 1 << 15 if file.subtype == "PCM_16" else 1
            decoded, values = 0, []
            for block in _blocks(file, size):
                if keep is not None:
                    keep(file, block)
                decoded += len(block)
                values.append(_block_rms(_mono(block), size, full_scale))
            rms = np.concatenate([np.zeros(0), *values])
    except (OSError, ValueError, soundfile.SoundFileError) as error:  # ValueError: of counts that make no sense
        raise UserError(f"{path} cannot be read as audio ({error})") from error
    if decoded < frames:
        raise UserError(f"{path} cannot be read as audio ({decoded} of the {frames} samples that its header promises)")
    if not len(rms):
        raise UserError(f"{path} holds no audio")
    if not np.isfinite(rms).all():
        raise UserError(f"{path} holds values that are not finite")
    return Frames(rms, frames / rate, rate)


def _blocks(file: soundfile.SoundFile, size: int) -> Iterator[np.ndarray]:
    """The file, some frames of `size` samples at a time, `[T, C]`; a block is overwritten by the next.

    16-bit samples stay integers, which are decoded sooner.
    """
    if flac_decoder.is_plain(file):
        for block in flac_decoder.blocks(Path(file.name), file.samplerate, size * _BLOCK_FRAMES):
            yield block[:, None]
        return
    frames = size * max(1, _BLOCK_FRAMES // file.channels)
    buffer = np.empty((frames, file.channels), np.int16 if file.subtype == "PCM_16" else np.float32)
    while len(block := file.read(out=buffer)):
        yield block


def _mono(block: np.ndarray) -> np.ndarray:
    """The mean of the channels `[T, C]` -> `[T]`."""
    return block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float64)


def _block_rms(wav: np.ndarray, size: int, full_scale: float) -> np.ndarray:
    """Root mean square of each frame of `size` samples; the last one is filled with silence `[N]`."""
    whole = len(wav) // size * size
    frames, squares = wav[:whole].reshape(-1, size), []
    scratch = np.empty((_CACHED_FRAMES, size))
    for first in range(0, len(frames), _CACHED_FRAMES):
        part = frames[first : first + _CACHED_FRAMES]
        scratch[: len(part)] = part
        squares.append(np.vecdot(scratch[: len(part)], scratch[: len(part)]))
    if whole < len(wav):
        rest = wav[whole:].astype(np.float64)
        squares.append(np.array([rest @ rest]))
    return np.sqrt(np.concatenate(squares) / size) / full_scale


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

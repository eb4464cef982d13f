"""Sums of a track's stems as FLAC: every stem is decoded once, block by block, whatever the number of sums.

Memory does not grow with the track's length. A sum of 16-bit stems is written exactly.
"""

from collections.abc import Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ..runtime import atomic
from . import reading

_BLOCK_SECONDS = 6  # whole, so that a block begins on a sample of every rate


@dataclass(frozen=True)
class Sum:
    """A file to write.

    Attributes:
        path: of the FLAC.
        parts: files that are added, each with its gain.
        frames: how long it is; shorter parts are followed by silence.
    """

    path: Path
    parts: tuple[tuple[Path, float], ...]
    frames: int


def write_sums(sums: Sequence[Sum], sample_rate: int) -> None:
    """Write sums as mono 16-bit FLAC, whole or not at all; one that is louder than a file can hold is turned down.

    Raises:
        UserError: if a part is missing or cannot be decoded.
    """
    with ExitStack() as stack:
        paths = [stack.enter_context(atomic.replacing(each.path)) for each in sums]
        targets = [_Target(each, path, 1.0) for each, path in zip(sums, paths, strict=True)]
        peaks = _write(targets, sample_rate)
        loud = [
            _Target(target.sum, target.path, 1.0 / peak)
            for target, peak in zip(targets, peaks, strict=True)
            if peak > 1.0
        ]
        if loud:  # seldom: the loudest sample is known only at the end
            _write(loud, sample_rate)


@dataclass(frozen=True)
class _Target:
    """A sum, the temporary file that becomes it, and the gain of the whole."""

    sum: Sum
    path: Path
    gain: float


def _write(targets: Sequence[_Target], sample_rate: int) -> list[float]:
    """Write the files; returns each one's loudest sample before rounding."""
    peaks, size = [0.0] * len(targets), _BLOCK_SECONDS * sample_rate
    with ExitStack() as stack:
        used = sorted({path for target in targets for path, _ in target.sum.parts})
        readers = {path: stack.enter_context(reading.Reader(path, sample_rate)) for path in used}
        files = [stack.enter_context(_flac(target.path, sample_rate)) for target in targets]
        for begin in range(0, max(target.sum.frames for target in targets), size):
            blocks = {path: reader.read(size) for path, reader in readers.items()}
            for index, (target, file) in enumerate(zip(targets, files, strict=True)):
                parts = [(blocks[path], gain) for path, gain in target.sum.parts]
                wav = _added(parts, max(0, min(size, target.sum.frames - begin)))
                peaks[index] = max(peaks[index], float(np.abs(wav).max(initial=0.0)))
                file.write(reading.to_16_bit(wav if target.gain == 1.0 else wav * np.float32(target.gain)))
    return peaks


def _flac(path: Path, sample_rate: int) -> soundfile.SoundFile:
    return soundfile.SoundFile(path, "w", sample_rate, 1, "PCM_16", format="FLAC")


def _added(parts: Iterable[tuple[np.ndarray, float]], frames: int) -> np.ndarray:
    """The sum of blocks with their gains, float32 `[frames]`."""
    wav = np.zeros(frames, np.float32)
    for block, gain in parts:
        wav += block[:frames] if gain == 1.0 else np.float32(gain) * block[:frames]
    return wav

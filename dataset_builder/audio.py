"""Reading excerpts of audio files at the rate wanted, and writing FLAC."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import soundfile
import soxr

from . import atomic
from .errors import UserError

T = TypeVar("T")
_MARGIN = 0.02  # seconds read on both sides, so that the resampler's edges fall outside of the excerpt


@dataclass(frozen=True)
class AudioInfo:
    """What a file's header says."""

    sample_rate: int
    frames: int
    channels: int

    @property
    def duration(self) -> float:
        """In seconds."""
        return self.frames / self.sample_rate


def info(path: Path) -> AudioInfo:
    """The header of an audio file.

    Raises:
        UserError: if it is missing or not audio.
    """
    try:
        header = soundfile.info(path)
    except (OSError, soundfile.SoundFileError) as error:
        raise UserError(f"{path} cannot be read as audio ({error})") from error
    return AudioInfo(header.samplerate, header.frames, header.channels)


def read(path: Path, start: float = 0.0, duration: float | None = None, sample_rate: int | None = None) -> np.ndarray:
    """The part `start .. start + duration` (seconds) of a file as mono float32 `[T]`; only that part is decoded.

    Past the end of the file there is silence, so that T is `round(duration * sample_rate)`.

    Raises:
        UserError: if the file is missing, not audio, or breaks off.
    """
    try:
        with soundfile.SoundFile(path) as file:
            rate = sample_rate or file.samplerate
            seconds = file.frames / file.samplerate - start if duration is None else duration
            samples = max(0, round(seconds * rate))
            if rate == file.samplerate:
                begin = round(start * rate)
                wav = _decode(file, begin, begin + samples)
            else:
                wav = _resampled(file, start, seconds, rate)
    except (OSError, soundfile.SoundFileError) as error:
        raise UserError(f"{path} cannot be read as audio ({error})") from error
    return np.pad(wav[:samples], (0, samples - len(wav[:samples])))


def _decode(file: soundfile.SoundFile, begin: int, end: int) -> np.ndarray:
    """Frames `begin .. end` as mono, silence before the file's start."""
    first = min(max(begin, 0), file.frames)
    file.seek(first)
    wav = _mono(file.read(max(0, min(end, file.frames) - first), dtype="float32", always_2d=True))
    return np.pad(wav, (first - begin, 0)) if begin < 0 else wav


def _mono(wav: np.ndarray) -> np.ndarray:
    """The mean of the channels `[T, C]` -> `[T]`."""
    return wav[:, 0] if wav.shape[1] == 1 else wav.mean(axis=1)


def _resampled(file: soundfile.SoundFile, start: float, seconds: float, rate: int) -> np.ndarray:
    """The part at another rate, read with margins whose length is a whole number of samples at both rates."""
    step = file.samplerate // math.gcd(rate, file.samplerate)  # input samples between common sample times
    begin = round(start * file.samplerate)
    first = (begin - round(_MARGIN * file.samplerate)) // step * step
    last = begin + math.ceil((seconds + _MARGIN) * file.samplerate)
    wav = soxr.resample(_decode(file, first, last), file.samplerate, rate)
    return wav[round((begin - first) * rate / file.samplerate) :]


def to_16_bit(wav: np.ndarray) -> np.ndarray:
    """Samples -1..1 as int16; those that were 16-bit samples are so again, exactly."""
    return np.clip(np.rint(wav * np.float32(1 << 15)), -(1 << 15), (1 << 15) - 1).astype(np.int16)


def write_flac(path: Path, wav: np.ndarray, sample_rate: int) -> None:
    """Write mono audio `[T]` as 16-bit FLAC; equal samples make equal bytes."""
    with atomic.replacing(path) as temporary:
        soundfile.write(temporary, to_16_bit(wav), sample_rate, subtype="PCM_16", format="FLAC")


class Reader:
    """A file read from its start to its end as mono float32 at a rate; past its end there is silence.

    Raises:
        UserError: if it is missing, not audio, or breaks off.
    """

    def __init__(self, path: Path, sample_rate: int):
        self.path, self.sample_rate, self._position = path, sample_rate, 0
        self._file = self._guarded(lambda: soundfile.SoundFile(path))

    def __enter__(self) -> "Reader":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def read(self, samples: int) -> np.ndarray:
        """The next samples `[samples]`."""
        begin, self._position = self._position, self._position + samples
        if self._file.samplerate == self.sample_rate:
            wav = self._guarded(lambda: _mono(self._file.read(samples, dtype="float32", always_2d=True)))
            return np.pad(wav, (0, samples - len(wav))) if len(wav) < samples else wav
        return read(self.path, begin / self.sample_rate, samples / self.sample_rate, self.sample_rate)

    def _guarded(self, action: Callable[[], T]) -> T:
        try:
            return action()
        except (OSError, soundfile.SoundFileError) as error:
            raise UserError(f"{self.path} cannot be read as audio ({error})") from error

"""Reading excerpts of audio files at the rate wanted, and writing FLAC."""

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import soundfile
import soxr

from . import atomic
from .errors import UserError

T = TypeVar("T")
_THREADS: dict[int, ThreadPoolExecutor] = {}  # by process
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
    if duration is None or sample_rate is None:
        header = info(path)
        duration = header.duration - start if duration is None else duration
        sample_rate = sample_rate or header.sample_rate
    return read_sum([(path, 1.0)], start, duration, sample_rate)


def read_sum(parts: Sequence[tuple[Path, float]], start: float, duration: float, sample_rate: int) -> np.ndarray:
    """As `read`, of files that are added, each with its gain.

    The files are decoded side by side on the cores that there are, and added before they are resampled, which is then
    done once. soxr's quality is HQ (20 bit): on 30 s it takes 1 ms more than MQ, and less than any of the decoding.

    Raises:
        UserError: if a file is missing, not audio, or breaks off.
    """
    jobs = [(path, start, duration, sample_rate) for path, _ in parts]
    windows = list(_threads().map(_window, *zip(*jobs, strict=True))) if len(jobs) > 1 else [_window(*jobs[0])]
    wav = np.zeros(max(0, round(duration * sample_rate)), np.float32)
    for rate in dict.fromkeys(window.rate for window in windows):
        same = [(window, gain) for window, (_, gain) in zip(windows, parts, strict=True) if window.rate == rate]
        total = np.zeros(max(len(window.wav) for window, _ in same), np.float32)
        for window, gain in same:
            total[: len(window.wav)] += window.wav if gain == 1.0 else np.float32(gain) * window.wav
        if rate != sample_rate:
            total = soxr.resample(total, rate, sample_rate, quality="HQ")[same[0][0].extra :]
        total = total[: len(wav)]
        wav[: len(total)] += total
    return wav


class _Window(NamedTuple):
    """Decoded samples `[T]`, their rate in Hz, and how many samples at the wanted rate come before what was asked."""

    wav: np.ndarray
    rate: int
    extra: int


def _window(path: Path, start: float, duration: float, sample_rate: int) -> _Window:
    """An excerpt at the file's rate; to be resampled, with margins of a whole number of samples at both rates."""
    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            begin = round(start * rate)
            if rate == sample_rate:
                return _Window(_decode(file, begin, begin + round(duration * rate)), rate, 0)
            step = rate // math.gcd(rate, sample_rate)  # input samples between common sample times
            first = (begin - round(_MARGIN * rate)) // step * step
            last = begin + math.ceil((duration + _MARGIN) * rate)
            return _Window(_decode(file, first, last), rate, round((begin - first) * sample_rate / rate))
    except (OSError, soundfile.SoundFileError) as error:
        raise UserError(f"{path} cannot be read as audio ({error})") from error


def _decode(file: soundfile.SoundFile, begin: int, end: int) -> np.ndarray:
    """Frames `begin .. end` as mono, silence before the file's start."""
    first = min(max(begin, 0), file.frames)
    file.seek(first)
    wav = _mono(file.read(max(0, min(end, file.frames) - first), dtype="float32", always_2d=True))
    return np.pad(wav, (first - begin, 0)) if begin < 0 else wav


def _threads() -> ThreadPoolExecutor:
    """Threads for decoding, which leaves Python free; a forked process needs its own."""
    process = os.getpid()
    if process not in _THREADS:
        _THREADS.clear()
        _THREADS[process] = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="decode")
    return _THREADS[process]


def _mono(wav: np.ndarray) -> np.ndarray:
    """The mean of the channels `[T, C]` -> `[T]`."""
    return wav[:, 0] if wav.shape[1] == 1 else wav.mean(axis=1)


def to_16_bit(wav: np.ndarray) -> np.ndarray:
    """Samples -1..1 as int16; those that were 16-bit samples are so again, exactly."""
    return np.clip(np.rint(wav * np.float32(1 << 15)), -(1 << 15), (1 << 15) - 1).astype(np.int16)


def write_flac(path: Path, samples: np.ndarray, sample_rate: int) -> None:
    """Write int16 samples `[T]` as FLAC; equal samples make equal bytes."""
    with atomic.replacing(path) as temporary:
        soundfile.write(temporary, samples, sample_rate, subtype="PCM_16", format="FLAC")


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

"""Audio files decoded: any rate, any channels, only the part that is asked for, whatever the file's name ends in."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import soundfile

from dataset_builder.audio.aac import FORMATS, PADDING, AacFile, format_of
from dataset_builder.audio.limits import require_recording, require_room
from dataset_builder.audio.times import clock
from dataset_builder.errors import UserError
from dataset_builder.runtime.untrusted import opened

from .excerpt import Part

EXPECTED = "expected wav, flac, mp3, ogg, m4a, MIDI or MusicXML"
_CANCELLED_DB = 30.0  # a sum of channels this far below them: they are each other's opposite
_BLOCK = 1 << 16


class SoundFile(Protocol):
    """What libsndfile's files and `AacFile` have in common."""

    samplerate: int
    channels: int
    frames: int
    format: str

    def seek(self, frame: int, /) -> Any: ...
    def read(self, frames: int, dtype: str, always_2d: bool) -> np.ndarray: ...


@dataclass(frozen=True)
class Decoded:
    """What a file holds.

    Attributes:
        wav: float32 `[T]` mono at `sample_rate`, as many samples as could be decoded.
        sample_rate: the file's, in Hz.
        notes: what was left out or done, a line each.
        source: format, rate, channels and seconds of the file.
    """

    wav: np.ndarray
    sample_rate: int
    notes: list[str]
    source: dict[str, str | int | float]


def decode(path: Path, part: Part) -> Decoded:
    """A part of a file of audio.

    Raises:
        UserError: it cannot be read, is too short or too long, or holds NaN or infinite samples.
    """
    notes: list[str] = []
    try:
        with opened(path) as descriptor, _quiet_decoder(), _sound_file(descriptor) as file:
            rate, promised = file.samplerate, file.frames
            require_recording(path, rate, promised)
            exact = part.within(path, promised / rate)
            first, wanted = round(exact.begin * rate), round((exact.end or 0.0) * rate) - round(exact.begin * rate)
            require_room(path, wanted / rate, rate)
            wav = _mixed_down(file, first, wanted, notes)
            source: dict[str, str | int | float] = {
                "format": file.format, "sample_rate": rate, "channels": file.channels,
                "seconds": round(promised / rate, 3), **part.record(),
            }  # fmt: skip
    except (OSError, ValueError, soundfile.SoundFileError) as error:  # FFmpeg's are among them
        told = error.strerror if isinstance(error, PermissionError) else "damaged, or of another format"
        raise UserError(f"{path} cannot be read as audio ({told}): {EXPECTED}") from error
    if not np.isfinite(wav).all():
        raise UserError(f"{path} holds NaN or infinite samples: export it again from the program that made it")
    if wanted - len(wav) > (PADDING * rate if source["format"] in FORMATS.values() else 0):
        left = (first + len(wav)) / rate
        part.within(path, left)
        notes.append(f"the file breaks off after {clock(left)} of {clock(promised / rate)}")
    return Decoded(wav, rate, notes, source)


@contextmanager
def _sound_file(descriptor: int) -> Iterator[SoundFile]:
    """A file of audio, by its content."""
    if kind := format_of(os.pread(descriptor, 12, 0)):
        with os.fdopen(os.dup(descriptor), "rb") as file, AacFile(file, kind) as sound:
            yield sound
    else:
        with soundfile.SoundFile(os.dup(descriptor)) as sound:  # which closes it
            yield sound


@contextmanager
def _quiet_decoder() -> Iterator[None]:
    """The MP3 decoder writes its own lines to stderr, past Python; ours say it in one."""
    stderr = os.dup(2)
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - not a file
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


def _mixed_down(file: SoundFile, first: int, frames: int, notes: list[str]) -> np.ndarray:
    """The mean of a file's channels, or its loudest channel where they cancel each other out `[T]`."""
    channels = file.channels
    if channels > 2:
        notes.append(f"{channels} channels mixed down to one")
    if first:
        file.seek(first)
    mono, power = _read_blocks(file, frames, np.full(channels, 1 / channels, np.float32))
    if np.square(mono, dtype=np.float64).sum() < power.max() * 10 ** (-_CANCELLED_DB / 10):
        notes.append("the channels cancel each other out: only the loudest one is used")
        file.seek(first)
        mono, _ = _read_blocks(file, frames, np.eye(channels, dtype=np.float32)[power.argmax()])
    return mono


def _read_blocks(file: SoundFile, frames: int, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Up to `frames` frames, weighted by channel `[T]`, and the power of every channel.

    Block by block, since ten minutes of six channels are large; what was decoded before a broken place is kept.
    """
    blocks, power = [np.zeros(0, np.float32)], np.zeros(file.channels)
    while frames > 0:
        try:
            block = file.read(min(frames, _BLOCK), dtype="float32", always_2d=True)
        except (OSError, ValueError, soundfile.SoundFileError):  # ValueError: of counts that make no sense
            break
        if not len(block):
            break
        with np.errstate(invalid="ignore"):  # infinities are found later
            blocks.append(block @ weights)
        power += np.square(block, dtype=np.float64).sum(axis=0)
        frames -= len(block)
    return np.concatenate(blocks), power

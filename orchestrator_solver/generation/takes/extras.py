"""What can be written beside a take: the notes that are heard in it, and it together with its reference."""

import io
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from dataset_builder.runtime import atomic

from ..request import Request
from .mixing import mixed


@dataclass(frozen=True)
class Extra:
    """A file beside a take.

    Attributes:
        ending: of its name, after the take's.
        made: its bytes, of the take `[T]`, its rate in Hz and its request.
    """

    ending: str
    made: Callable[[np.ndarray, int, Request], bytes]


def beside(take: Path, names: tuple[str, ...], request: Request) -> list[Path]:
    """Make what is not there yet; returns the files' paths.

    Args:
        take: a recording on disk.
        names: of `EXTRAS`.
        request: what it was asked for.
    """
    paths = [take.with_name(f"{take.stem}{EXTRAS[name].ending}") for name in names]
    for name, path in zip(names, paths, strict=True):
        if not path.is_file():
            wav, rate = soundfile.read(take, dtype="float32")
            atomic.write_bytes(path, EXTRAS[name].made(wav, rate, request))
    return paths


def _notes(wav: np.ndarray, sample_rate: int, request: Request) -> bytes:
    from .midi import midi_of  # what writes MIDI is seldom wanted

    return midi_of(wav, sample_rate, request.reference.bpm)


def _with_reference(wav: np.ndarray, sample_rate: int, request: Request) -> bytes:
    """Take and reference at equal loudness, at the reference's rate if that is higher."""
    rate = max(sample_rate, request.reference.sample_rate)
    take = wav if rate == sample_rate else soxr.resample(wav, sample_rate, rate)
    file = io.BytesIO()
    soundfile.write(file, mixed([take, request.reference.at(rate)[: len(take)]], rate), rate, "PCM_16", format="WAV")
    return file.getvalue()


EXTRAS: Mapping[str, Extra] = {
    "midi": Extra(".mid", _notes),
    "with_reference": Extra("-with-reference.wav", _with_reference),
}

"""Seam of writing audio: audiocraft's `audio_write` encodes by libsndfile, and no ffmpeg is needed."""

from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from dataset_builder.errors import UserError

from .registry import patches

if TYPE_CHECKING:
    import numpy as np

MOST_CHANNELS = {"wav": 1024, "flac": 8, "ogg": 8, "mp3": 2}  # libsndfile falls over an ogg of hundreds
MP3_RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
_BLOCK = 1 << 16  # frames: libvorbis overruns its stack when it is given minutes at once
_VORBIS_QUALITY = 0.3  # ffmpeg's default


@patches("audiocraft.data.audio")
def write_by_libsndfile(module: ModuleType) -> None:
    """Why: `audio_write` pipes to a program called ffmpeg, which no Python package puts on the PATH. libsndfile writes
    the same samples (wav of 16 bits, FLAC of 24), mp3 at the same bit rates and ogg at ffmpeg's quality.
    Goes when: audio_write encodes without that program."""

    def write(out_path: str | Path, wav: Any, sample_rate: int, flags: Sequence[str]) -> None:
        samples = module.f32_pcm(wav).t().detach().cpu().numpy()
        _write(Path(out_path), samples, sample_rate, dict(zip(flags[::2], flags[1::2], strict=True)))

    module._piping_to_ffmpeg = write  # type: ignore[attr-defined]


def _write(path: Path, samples: "np.ndarray", sample_rate: int, flags: dict[str, str]) -> None:
    """Write `[T, C]` samples as ffmpeg would by its flags; the file is whole or not there.

    Raises:
        UserError: the format does not hold such audio, or the disk is full.
    """
    from soundfile import SoundFile

    from dataset_builder.runtime import atomic

    kind, channels = flags["-f"], samples.shape[1]
    if channels > MOST_CHANNELS[kind]:
        raise UserError(f"{path} cannot be written: {kind} holds at most {MOST_CHANNELS[kind]} channels, "
                        f"and there are {channels}: mix them down")  # fmt: skip
    try:
        encoding = _ENCODINGS[kind](sample_rate, flags.get("-b:a"))
    except UserError as error:
        raise UserError(f"{path} cannot be written: {error}") from error
    with (
        atomic.replacing(path) as temporary,
        SoundFile(temporary, "w", sample_rate, channels, format=kind.upper(), **encoding) as file,
    ):
        for start in range(0, len(samples), _BLOCK):
            file.write(_quantised(samples[start : start + _BLOCK], encoding["subtype"]))


def _quantised(samples: "np.ndarray", subtype: str) -> "np.ndarray":
    """Integers as ffmpeg rounds and clips them; libsndfile's own are rounded down. Encoders with losses take floats."""
    import numpy as np

    if subtype not in ("PCM_16", "PCM_24"):
        return samples
    limits = np.iinfo(np.int16) if subtype == "PCM_16" else np.iinfo(np.int32)
    return np.clip(np.rint(samples.astype(np.float64) * -float(limits.min)), limits.min, limits.max).astype(
        limits.dtype
    )


def _mp3(sample_rate: int, bit_rate: str | None) -> dict[str, Any]:
    """libsndfile counts a constant bit rate from the highest that MPEG has at a sample rate (0) to the lowest (1)."""
    if sample_rate not in MP3_RATES:
        rates = ", ".join(map(str, MP3_RATES))
        raise UserError(f"mp3 has no sample rate of {sample_rate} Hz: resample to one of {rates}, or write flac")
    lowest, highest = (32, 320) if sample_rate >= 32_000 else (8, 160 if sample_rate >= 16_000 else 64)
    wanted = min(max(float(str(bit_rate).removesuffix("k")), lowest), highest)
    level = min((highest - wanted) / (highest - lowest), 0.99)  # it refuses 1; this is rounded to the lowest
    return {"subtype": "MPEG_LAYER_III", "bitrate_mode": "CONSTANT", "compression_level": level}


def _ogg(sample_rate: int, bit_rate: str | None) -> dict[str, Any]:
    if bit_rate is not None:
        raise UserError(f"libsndfile writes ogg by quality, not at {bit_rate}bit/s: leave ogg_rate out, or write mp3")
    return {"subtype": "VORBIS", "compression_level": 1 - _VORBIS_QUALITY}


_ENCODINGS: dict[str, Callable[[int, str | None], dict[str, Any]]] = {
    "wav": lambda sample_rate, bit_rate: {"subtype": "PCM_16"},
    "flac": lambda sample_rate, bit_rate: {"subtype": "PCM_24"},
    "ogg": _ogg,
    "mp3": _mp3,
}

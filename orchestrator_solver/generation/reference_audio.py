"""What a model is to follow; a user's is read from audio of any common format or MIDI, checked, put into one form."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import soxr

from dataset_builder.audio.limits import LEAST_RATE, MOST_RATE, require_recording, require_room
from dataset_builder.errors import UserError
from dataset_builder.runtime.checksums import digest_of

from .recordings import within_scale

SAMPLE_RATE = 32_000  # the highest of any model here (MusicGen's)
MAX_SECONDS = 600.0  # longer ones are read only when a duration is asked for
MIN_SECONDS = 1.0
_USUAL_RATES = range(16_000, 96_001)
_USUAL_PEAK = 1.5  # of full scale: what decoding and resampling loud music add is not worth a note
_SILENCE_DBFS = -60.0
_CANCELLED_DB = 30.0  # a sum of channels this far below them: they are each other's opposite
_BLOCK = 1 << 16
_MARGIN = 0.08  # seconds on both sides of a part that is resampled: more than the resampler's filter hears
_MOST_CHANNELS = 64  # an array that is wider is the wrong way round
_MIDI_ENDINGS = (".mid", ".midi")


@dataclass(frozen=True)
class ReferenceAudio:
    """A reference, of a user's file or of a data set's item.

    Attributes:
        wav: float32 `[T]` mono.
        sample_rate: in Hz.
        one_stem: whether it is a single instrument; of others, a model whose condition is made so (MusicGen Melody's)
            takes the stems that carry the melody.
        bpm: quarters a minute, None where it cannot be told.
        key: such as `G minor`, None where nothing has pitch.
        notes: what was repaired or left out, one line each.
        source: what the file was: name, hash, format, rate, channels, seconds.
    """

    wav: np.ndarray
    sample_rate: int
    one_stem: bool = False
    bpm: float | None = None
    key: str | None = None
    notes: tuple[str, ...] = ()
    source: dict[str, str | int | float] = field(default_factory=dict)

    @property
    def seconds(self) -> float:
        """How long it lasts."""
        return len(self.wav) / self.sample_rate

    def at(self, sample_rate: int) -> np.ndarray:
        """The audio, float32 `[T]`, at another rate."""
        wav = np.asarray(self.wav, dtype=np.float32)
        return wav if sample_rate == self.sample_rate else soxr.resample(wav, self.sample_rate, sample_rate)

    def part(self, start: float, seconds: float, sample_rate: int) -> np.ndarray:
        """Some of the audio at another rate, float32 `[T]`, shorter where the reference ends before.

        Of a long reference no whole copy is made.

        Args:
            start: in seconds.
            seconds: how long.
            sample_rate: in Hz.
        """
        margin = min(start, _MARGIN)
        first, last = round((start - margin) * self.sample_rate), round((start + seconds + _MARGIN) * self.sample_rate)
        around = replace(self, wav=self.wav[first:last]).at(sample_rate)
        skipped = round(margin * sample_rate)
        return around[skipped : skipped + round(seconds * sample_rate)]

    def record(self) -> dict[str, Any]:
        """What a recording's JSON says of it."""
        return {
            **self.source, "used_seconds": round(self.seconds, 3), "bpm": self.bpm, "key": self.key,
            "notes": list(self.notes),
        }  # fmt: skip


def read_reference(path: Path, duration: float | None = None) -> ReferenceAudio:
    """The reference in a wav, flac, mp3, ogg or MIDI file: at least a second, finite, not silent, within -1..1.

    Args:
        path: of the file; MIDI is told by its ending, the formats of audio by their content.
        duration: seconds to read at most; without it the whole file.

    Raises:
        UserError: it is missing, not audio, broken, too short, too long, silent, or holds NaN or infinite samples.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file, expected audio (wav, flac, mp3, ogg) or MIDI")
    read = _from_midi if path.suffix.lower() in _MIDI_ENDINGS else _from_audio
    reference = read(path, duration)
    name = os.fsencode(path.name).decode(errors="replace")  # a record is UTF-8, a file's name need not be
    return replace(reference, source={"file": name, "sha256": digest_of(path), **reference.source})


def _from_midi(path: Path, duration: float | None) -> ReferenceAudio:
    from dataset_builder.music import midi_synth
    from dataset_builder.music.key import fast_key
    from dataset_builder.music.midi import read_midi
    from dataset_builder.music.midi_synth import end_of
    from dataset_builder.music.tempo import track_bpm

    score = read_midi(path)
    seconds = end_of(path)
    if not score.note_num():
        raise UserError(f"{path} holds no notes")
    _check_length(path, seconds, duration)
    wav = midi_synth.render_whole(path, min(seconds, duration or seconds))
    wav = soxr.resample(wav, midi_synth.SAMPLE_RATE, SAMPLE_RATE)
    if duration:
        wav = wav[: round(duration * SAMPLE_RATE)]
    _check_sound(path, wav)
    source: dict[str, str | int | float] = {"format": "MIDI", "seconds": round(seconds, 3)}
    # Loud chords of many voices pass full scale; that is the synthesiser's doing, not worth a note.
    return ReferenceAudio(within_scale(wav), SAMPLE_RATE, bpm=track_bpm(score), key=fast_key(path), source=source)


def reference_of(wav: np.ndarray, sample_rate: int) -> ReferenceAudio:
    """The reference in samples `[T]` or, of C channels, `[T, C]`: held to what a file is held to.

    Raises:
        UserError: it is of another shape, too short, too long, silent, or holds NaN or infinite samples.
    """
    what = "the reference"
    samples = np.asarray(wav, dtype=np.float32)
    if samples.ndim not in (1, 2) or (samples.ndim == 2 and samples.shape[1] > _MOST_CHANNELS):
        raise UserError(f"{what} has the shape {list(samples.shape)}: expected [samples] or [samples, channels]")
    if not LEAST_RATE <= sample_rate <= MOST_RATE:
        raise UserError(f"{what} has a rate of {sample_rate} Hz: expected {LEAST_RATE} to {MOST_RATE}")
    _check_length(what, len(samples) / sample_rate, None)
    if not np.isfinite(samples).all():
        raise UserError(f"{what} holds NaN or infinite samples")
    mono = samples if samples.ndim == 1 else samples.mean(axis=1)
    source: dict[str, str | int | float] = {
        "format": "samples", "sample_rate": sample_rate, "sha256": hashlib.sha256(samples.tobytes()).hexdigest(),
        "seconds": round(len(samples) / sample_rate, 3),
    }  # fmt: skip
    return _heard(what, mono, source, [])


def _from_audio(path: Path, duration: float | None) -> ReferenceAudio:
    notes: list[str] = []
    wav, source = _decoded(path, duration, notes)
    return _heard(path, wav, source, notes)


def _heard(
    path: Path | str, wav: np.ndarray, source: dict[str, str | int | float], notes: list[str]
) -> ReferenceAudio:  # fmt: skip
    """The reference in samples `[T]`, with its tempo and key."""
    from dataset_builder.music.audio_tempo_key import key_of_audio, tempo_of_audio

    wav = _resampled(wav, int(source["sample_rate"]), notes)
    _check_sound(path, wav)
    peak = float(np.abs(wav).max())
    if peak > _USUAL_PEAK:
        notes.append(f"scaled down: its peak was {peak:.2f} times full scale")
    wav = within_scale(wav)
    bpm, key = tempo_of_audio(wav, SAMPLE_RATE), key_of_audio(wav, SAMPLE_RATE)
    return ReferenceAudio(wav, SAMPLE_RATE, bpm=bpm, key=key, notes=tuple(notes), source=source)


def _decoded(path: Path, duration: float | None, notes: list[str]) -> tuple[np.ndarray, dict[str, str | int | float]]:
    """Mono samples `[T]` at the file's own rate, as many as can be decoded, and what the file is."""
    try:
        with _quiet_decoder(), soundfile.SoundFile(os.fsencode(path)) as file:  # a name need not be UTF-8
            rate, promised = file.samplerate, file.frames
            require_recording(path, rate, promised)
            _check_length(path, promised / rate, duration)
            wanted = min(promised, round(duration * rate)) if duration else promised
            require_room(path, wanted / rate, rate)
            samples = _mixed_down(file, wanted, notes)
            source: dict[str, str | int | float] = {
                "format": file.format, "sample_rate": rate, "channels": file.channels,
                "seconds": round(promised / rate, 3),
            }  # fmt: skip
    except (OSError, soundfile.SoundFileError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else "damaged, or of another format"
        raise UserError(f"{path} cannot be read as audio ({reason}): expected wav, flac, mp3, ogg or MIDI") from error
    if not np.isfinite(samples).all():
        raise UserError(f"{path} holds NaN or infinite samples: export it again from the program that made it")
    if len(samples) < wanted:
        _check_length(path, len(samples) / rate, duration)
        notes.append(f"the file breaks off after {len(samples) / rate:.1f} of {promised / rate:.1f} s")
    return samples, source


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


def _mixed_down(file: soundfile.SoundFile, frames: int, notes: list[str]) -> np.ndarray:
    """The mean of a file's channels, or its loudest channel where they cancel each other out `[T]`."""
    channels = file.channels
    if channels > 2:
        notes.append(f"{channels} channels mixed down to one")
    mono, power = _read_blocks(file, frames, np.full(channels, 1 / channels, np.float32))
    if np.square(mono, dtype=np.float64).sum() < power.max() * 10 ** (-_CANCELLED_DB / 10):
        notes.append("the channels cancel each other out: only the loudest one is used")
        file.seek(0)
        mono, _ = _read_blocks(file, frames, np.eye(channels, dtype=np.float32)[power.argmax()])
    return mono


def _read_blocks(file: soundfile.SoundFile, frames: int, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Up to `frames` frames weighted by channel `[T]`, and the power of every channel.

    Block by block, since ten minutes of six channels are large; what was decoded before a broken place is kept.
    """
    blocks, power = [np.zeros(0, np.float32)], np.zeros(file.channels)
    while frames > 0:
        try:
            block = file.read(min(frames, _BLOCK), dtype="float32", always_2d=True)
        except (ValueError, soundfile.SoundFileError):  # ValueError: of counts that make no sense
            break
        if not len(block):
            break
        with np.errstate(invalid="ignore"):  # infinities are found later
            blocks.append(block @ weights)
        power += np.square(block, dtype=np.float64).sum(axis=0)
        frames -= len(block)
    return np.concatenate(blocks), power


def _check_length(path: Path | str, seconds: float, duration: float | None) -> None:
    if seconds <= 0:
        raise UserError(f"{path} holds no sound (zero seconds): it is empty or damaged")
    if seconds < MIN_SECONDS:
        raise UserError(f"{path} is {seconds:.2f} s long, expected at least {MIN_SECONDS:.0f} s")
    if seconds > MAX_SECONDS and not duration:
        raise UserError(
            f"{path} is {seconds / 60:.0f} minutes long, expected at most {MAX_SECONDS / 60:.0f}: "
            "say with --duration how many seconds to use"
        )


def _check_sound(path: Path | str, wav: np.ndarray) -> None:
    if np.abs(wav).max(initial=0.0) < 10 ** (_SILENCE_DBFS / 20):
        raise UserError(f"{path} is silent (nothing above {_SILENCE_DBFS:.0f} dBFS): expected music")


def _resampled(wav: np.ndarray, rate: int, notes: list[str]) -> np.ndarray:
    if rate not in _USUAL_RATES:
        lost = f", there is nothing above {rate / 2000:g} kHz in it" if rate < _USUAL_RATES.start else ""
        notes.append(f"unusual sample rate of {rate / 1000:g} kHz: resampled{lost}")
    return wav if rate == SAMPLE_RATE else soxr.resample(wav, rate, SAMPLE_RATE)

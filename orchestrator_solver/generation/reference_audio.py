"""What a model is to follow; a user's is read from audio, MIDI or MusicXML, checked, and put into one form."""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from dataset_builder.audio.limits import LEAST_RATE, MOST_RATE
from dataset_builder.errors import UserError
from dataset_builder.music.key import key_named
from dataset_builder.runtime.checksums import digest_of

from .recordings import within_scale
from .references.excerpt import Part
from .references.one_instrument import is_one_instrument
from .references.sound_files import EXPECTED, decode

SAMPLE_RATE = 32_000  # the highest of any model here (MusicGen's)
WHOLE = Part()
USER = "user"
SLOWEST, FASTEST = 20.0, 400.0  # quarters a minute
_USUAL_RATES = range(16_000, 96_001)
_USUAL_PEAK = 1.5  # of full scale: what decoding and resampling loud music add is not worth a note
_SILENCE_DBFS = -60.0
_MARGIN = 0.08  # seconds on both sides of a part that is resampled: more than the resampler's filter hears
_MOST_CHANNELS = 64  # an array that is wider is the wrong way round
_HEAD, _BEFORE_XML = 64, b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n"  # bytes that tell a format; byte order marks and space


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
        told_by: who says `one_stem`, `bpm` and `key`: the file, its sound, a recogniser, or the user; by their names in
            `record`.
        source: what the file was: name, hash, format, rate, channels, seconds.
    """

    wav: np.ndarray
    sample_rate: int
    one_stem: bool = False
    bpm: float | None = None
    key: str | None = None
    notes: tuple[str, ...] = ()
    told_by: Mapping[str, str] = field(default_factory=dict)
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
            "one_instrument": self.one_stem, "told_by": dict(self.told_by), "notes": list(self.notes),
        }  # fmt: skip


@dataclass(frozen=True)
class Hints:
    """What a user knows of a reference, in place of what is found out; None leaves it to that.

    Attributes:
        bpm: quarters a minute.
        key: as people write it, such as `Bb major`.
        one_instrument: whether it is a single one's.

    Raises:
        UserError: for what is no tempo or no key.
    """

    bpm: float | None = None
    key: str | None = None
    one_instrument: bool | None = None

    def __post_init__(self) -> None:
        if self.bpm is not None and not SLOWEST <= self.bpm <= FASTEST:
            raise UserError(f"a tempo of {self.bpm:g} is none: expected {SLOWEST:g} to {FASTEST:g} quarters a minute")
        if self.key is not None:
            key_named(self.key)

    def of(self, reference: ReferenceAudio) -> ReferenceAudio:
        """The reference as the user knows it, and by the recogniser's ear whether it is one instrument."""
        told = dict(reference.told_by)
        if self.bpm is not None:
            reference, told["bpm"] = replace(reference, bpm=self.bpm), USER
        if self.key is not None:
            reference, told["key"] = replace(reference, key=key_named(self.key)), USER
        if self.one_instrument is not None:
            reference, told["one_instrument"] = replace(reference, one_stem=self.one_instrument), USER
        elif "one_instrument" not in told and not reference.one_stem:
            one = is_one_instrument(reference.wav, reference.sample_rate)
            reference, told["one_instrument"] = replace(reference, one_stem=one), "recogniser"
        return replace(reference, told_by=told)


def read_reference(path: Path, part: Part = WHOLE) -> ReferenceAudio:
    """The reference in a file of audio, MIDI or MusicXML: at least a second, finite, not silent, within -1..1.

    Args:
        path: of the file; what it is is told by its content, whatever its name ends in.
        part: what to read of it.

    Raises:
        UserError: it is missing, of another kind, broken, too short or long, silent, or holds NaN or infinite samples.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file, {EXPECTED}")
    reference = _read(path, part)
    name = os.fsencode(path.name).decode(errors="replace")  # a record is UTF-8, a file's name need not be
    return replace(reference, source={"file": name, "sha256": digest_of(path), **reference.source})


def _read(path: Path, part: Part) -> ReferenceAudio:
    """The reference, read as what its first bytes say it is."""
    with path.open("rb") as file:
        head = file.read(_HEAD)
    if head.startswith(b"MThd"):
        return _from_midi(path, part, "MIDI")
    if head.startswith(b"PK\x03\x04") or head.lstrip(_BEFORE_XML).startswith(b"<"):
        from dataset_builder.music.notation.musicxml import midi_of

        with tempfile.TemporaryDirectory() as folder:
            score = Path(folder) / "score.mid"
            score.write_bytes(midi_of(path))
            return _from_midi(score, part, "MusicXML", path)
    decoded = decode(path, part)
    return _heard(path, decoded.wav, decoded.source, decoded.notes)


def _from_midi(midi: Path, part: Part, kind: str, path: Path | None = None) -> ReferenceAudio:
    """The reference in a MIDI file, which was made of the file `path` if there is one."""
    from dataset_builder.music import midi_synth
    from dataset_builder.music.key import fast_key
    from dataset_builder.music.midi import read_midi, sounds_in
    from dataset_builder.music.tempo import track_bpm

    what = path or midi
    score, seconds = read_midi(midi), midi_synth.end_of(midi)
    if not score.note_num():
        raise UserError(f"{what} holds no notes")
    exact = part.within(what, seconds)
    wav = midi_synth.render_whole(midi, exact.begin, exact.end or seconds)
    wav = soxr.resample(wav, midi_synth.SAMPLE_RATE, SAMPLE_RATE)
    _check_sound(what, wav)
    source: dict[str, str | int | float] = {"format": kind, "seconds": round(seconds, 3), **part.record()}
    # Loud chords of many voices pass full scale; that is the synthesiser's doing, not worth a note.
    return ReferenceAudio(
        within_scale(wav), SAMPLE_RATE, len(sounds_in(score)) == 1, track_bpm(score), fast_key(midi),
        told_by=dict.fromkeys(("bpm", "key", "one_instrument"), "file"), source=source,
    )  # fmt: skip


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
    WHOLE.within(what, len(samples) / sample_rate)
    if not np.isfinite(samples).all():
        raise UserError(f"{what} holds NaN or infinite samples")
    mono = samples if samples.ndim == 1 else samples.mean(axis=1)
    source: dict[str, str | int | float] = {
        "format": "samples", "sample_rate": sample_rate, "sha256": hashlib.sha256(samples.tobytes()).hexdigest(),
        "seconds": round(len(samples) / sample_rate, 3),
    }  # fmt: skip
    return _heard(what, mono, source, [])


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
    told_by = dict.fromkeys(("bpm", "key"), "sound")
    return ReferenceAudio(wav, SAMPLE_RATE, bpm=bpm, key=key, notes=tuple(notes), told_by=told_by, source=source)


def _check_sound(path: Path | str, wav: np.ndarray) -> None:
    if np.abs(wav).max(initial=0.0) < 10 ** (_SILENCE_DBFS / 20):
        raise UserError(f"{path} is silent (nothing above {_SILENCE_DBFS:.0f} dBFS): expected music")


def _resampled(wav: np.ndarray, rate: int, notes: list[str]) -> np.ndarray:
    if rate not in _USUAL_RATES:
        lost = f", there is nothing above {rate / 2000:g} kHz in it" if rate < _USUAL_RATES.start else ""
        notes.append(f"unusual sample rate of {rate / 1000:g} kHz: resampled{lost}")
    return wav if rate == SAMPLE_RATE else soxr.resample(wav, rate, SAMPLE_RATE)

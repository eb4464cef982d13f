"""How often the audit is wrong: on stems that were rendered right, and on the same stems with defects put into them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from ..audio import reading
from ..audit.detectors import DefectDetector
from ..audit.track_audit import sounding_classes
from ..errors import UserError
from ..pipeline.settings import recorded
from ..pipeline.track_list import list_tracks
from ..runtime.process_pool import parallel_map
from ..seeds import rng_for
from ..sources.registry import READERS
from ..sources.track import Stem
from .measurement import Report

_GRAIN = 0.25  # seconds
_STEP = 800  # samples over which loudness is measured
_NOT_JUDGED = 7  # semitones: see `Listener.wrong_pitch`


def _energies(wav: np.ndarray, size: int) -> np.ndarray:
    """Of every `size` consecutive samples `[T - size + 1]`."""
    sums = np.cumsum(np.append(0.0, wav.astype(np.float64) ** 2))
    return sums[size:] - sums[:-size]


def _white(wav: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    return wav.std() * rng.standard_normal(len(wav))


def _where_it_sounds(wav: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    loudness = np.sqrt(np.maximum(_energies(wav, _STEP), 0) / _STEP)
    return np.pad(loudness, (0, _STEP - 1)) * rng.standard_normal(len(wav))


def _pink(wav: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    spectrum = np.fft.rfft(rng.standard_normal(1 << len(wav).bit_length()))  # a power of two is transformed fast
    noise = np.fft.irfft(spectrum / np.sqrt(np.arange(1, len(spectrum) + 1)))[: len(wav)]
    return wav.std() * noise / noise.std()


def _held(wav: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """The stem's loudest quarter of a second, again and again."""
    size = round(_GRAIN * rate)
    loudest = int(np.argmax(_energies(wav, size)))
    grain = wav[loudest : loudest + size] * np.hanning(size)
    held = np.zeros(len(wav) + size)
    for at in range(0, len(wav), size // 2):
        held[at : at + size] += grain
    return held[: len(wav)]


def _trembling(wav: np.ndarray, rate: int, rng: np.random.Generator) -> np.ndarray:
    """A tone with harmonics, vibrato and tremolo."""
    time = np.arange(len(wav)) / rate
    hertz = rng.uniform(110, 440) * 2 ** (0.3 * np.sin(2 * np.pi * 5 * time) / 12)
    phase = 2 * np.pi * np.cumsum(hertz) / rate
    tone = sum(np.sin(number * phase) / number for number in range(1, 8))
    return wav.std() * tone * (1 + 0.3 * np.sin(2 * np.pi * 0.7 * time))


Injected = Callable[[np.ndarray, int, np.random.Generator], np.ndarray]
NOISES: dict[str, Injected] = {"white": _white, "where the stem sounds": _where_it_sounds, "pink": _pink}
TONES: dict[str, Injected] = {"a quarter of a second, repeated": _held, "with vibrato and tremolo": _trembling}


@dataclass(frozen=True)
class _Heard:
    """A stem: what of it was called a defect as it is, with the figures, and which injected defects were found."""

    stem: str
    flagged: tuple[str, ...]
    flatness: float
    steadiness: float
    found: dict[str, bool]


@dataclass(frozen=True)
class AuditReport(Report):
    """How often the audit was right.

    Attributes:
        stems: pitched stems that were heard as they are.
        flagged: a line for each that was called a defect.
        flatness: of the flattest spectrum of a sound stem.
        steadiness: of the steadiest sound stem.
        injected: how many of the injected defects of each kind were found, and of how many.
    """

    stems: int
    flagged: tuple[str, ...]
    flatness: float
    steadiness: float
    injected: dict[str, tuple[int, int]]

    def text(self) -> str:
        """The report for a terminal."""
        lines = [f"{self.stems} pitched stems as they are: {len(self.flagged)} called noise, endless or of wrong pitch"]
        lines += [f"  {line}" for line in self.flagged]
        lines.append(f"  flattest spectrum {self.flatness:.3f}, steadiest {self.steadiness:.3f}")
        lines += [f"  {name:44} {found:5} of {count:5} found" for name, (found, count) in self.injected.items()]
        return "\n".join(lines)


def bench_audit(data: Path, every: int, workers: int) -> AuditReport:
    """Hear all pitched stems of a data set, and every so-manieth track's again with defects put into them.

    A wrong pitch is put in by moving the MIDI the other way, which changes nothing else.

    Raises:
        UserError: if it has none.
    """
    settings = recorded(data, workers)
    tracks = list_tracks(settings).tracks
    jobs = [(settings.source, folder, split, index % every == 0) for index, (split, folder) in enumerate(tracks)]
    heard = [stem for stems in parallel_map(_hear_track, jobs, workers, "listen") for stem in stems]
    if not heard:
        raise UserError(f"{data} has no pitched stem")
    names = dict.fromkeys(name for stem in heard for name in stem.found)
    injected = {name: [stem.found[name] for stem in heard if name in stem.found] for name in names}
    return AuditReport(
        len(heard), tuple(f"{stem.stem}: {', '.join(stem.flagged)}" for stem in heard if stem.flagged),
        max(stem.flatness for stem in heard), max(stem.steadiness for stem in heard),
        {name: (sum(found), len(found)) for name, found in injected.items()},
    )  # fmt: skip


def _hear_track(source: str, folder: Path, split: str, inject: bool) -> Sequence[_Heard]:
    track = READERS[source].read_track(folder, split)
    return [_heard(track.id, stem, inject) for stem in track.stems if not stem.is_drum]


def _heard(track: str, stem: Stem, inject: bool) -> _Heard:
    wav, rate = reading.read(stem.audio), soundfile.info(stem.audio).samplerate
    listener = _listen(wav, rate)
    sounding = sounding_classes(stem, listener.times)
    shift = listener.wrong_pitch(sounding)
    judged = {
        f"noise (flatness {listener.flatness():.2f})": listener.is_noise(),
        f"endless (steadiness {listener.steadiness():.3f})": listener.is_endless(),
        f"{shift} semitones off (likeness {listener.likeness(sounding).round(2).tolist()})": shift is not None,
    }
    found: dict[str, bool] = {}
    if inject and listener.heard:
        rng = rng_for("bench audit", track, stem.id)
        found |= {f"noise: {name}": _listen(make(wav, rate, rng), rate).is_noise() for name, make in NOISES.items()}
        found |= {f"tone: {name}": _listen(make(wav, rate, rng), rate).is_endless() for name, make in TONES.items()}
    if sounding.any():
        for semitones in range(1, 12):
            name = f"pitch: {semitones} semitones" + (", not judged" if semitones == _NOT_JUDGED else "")
            found[name] = listener.wrong_pitch(np.roll(sounding, -semitones, axis=1)) == semitones
    flagged = tuple(name for name, wrong in judged.items() if wrong)
    return _Heard(f"{track}-{stem.id}", flagged, listener.flatness(), listener.steadiness(), found)


def _listen(wav: np.ndarray, rate: int) -> DefectDetector:
    listener = DefectDetector(rate)
    listener.add(wav.astype(np.float32))
    return listener

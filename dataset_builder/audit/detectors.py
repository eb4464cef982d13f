"""What can be heard of a stem that went wrong, gathered block by block so that memory does not grow with the file."""

from dataclasses import dataclass, field

import numpy as np

# Thresholds by `python -m dataset_builder bench audit --data data/nano`: 1988 pitched stems that were rendered right.
FLATNESS = 0.5  # geometric over arithmetic mean of the power spectrum: white noise 0.92 and more, music 0.03 at most
STEADINESS = 0.85  # length of the mean unit spectrum, 1 if it never changes: a held tone 0.91 and more, music 0.80
LEAST_SECONDS = 10.0  # shorter sounds are not called endless
LEAST_HEARD = 5  # windows by which the pitch is judged
CLIPPED_RUN = 4  # samples in a row at full scale: a single one may be a peak that just fits
_FULL_SCALE = 1.0 - 2.5 / (1 << 15)
_WINDOW = 4096
_HANN = np.hanning(_WINDOW).astype(np.float32)
_SILENT = 10 ** (-50 / 20)
_PITCHED_HZ = (100.0, 2000.0)
# What a note is heard as beside itself: its third harmonic, 7 semitones up, and its fifth, 4 up. Of some instruments
# the third is louder than the note itself, so that a shift by 7 says nothing.
_THIRD, _FIFTH, _TWELFTH = 0.5, 0.2, 7
_MIN_CORRELATION, _MORE_LIKE = 0.5, 0.3  # correlation with the MIDI, shifted; and how much more than without


@dataclass
class DefectDetector:
    """Gathers one file, given as consecutive mono blocks of a multiple of 4 windows (the last one may be shorter).

    Args:
        sample_rate: in Hz.
    """

    sample_rate: int
    clipped: int = 0
    windows: int = 0
    heard: int = 0
    _run: int = 0
    _times: list[float] = field(default_factory=list)
    _chroma: list[np.ndarray] = field(default_factory=list)
    _power: np.ndarray = field(default_factory=lambda: np.zeros(_WINDOW // 2 + 1))
    _direction: np.ndarray = field(default_factory=lambda: np.zeros(_WINDOW // 2 + 1))

    def __post_init__(self) -> None:
        hz = np.arange(1, _WINDOW // 2 + 1) * self.sample_rate / _WINDOW
        self._pitched = 1 + np.flatnonzero((hz >= _PITCHED_HZ[0]) & (hz <= _PITCHED_HZ[1]))
        classes = np.round(69 + 12 * np.log2(hz[self._pitched - 1] / 440)).astype(int) % 12
        self._class_of_bin = np.eye(12)[classes]

    @property
    def times(self) -> np.ndarray:
        """The middles of the windows that were heard, in seconds `[W]`."""
        return np.array(self._times)

    def add(self, block: np.ndarray) -> None:
        """Hear the next samples `[T]`."""
        self._count_clipped(np.abs(block) >= _FULL_SCALE)
        whole = len(block) // _WINDOW * _WINDOW
        for window in block[:whole].reshape(-1, _WINDOW)[::4]:  # a quarter of the time is enough to judge by
            self.windows += 1
            if np.sqrt(window @ window / _WINDOW) < _SILENT:
                continue
            self.heard += 1
            power = np.abs(np.fft.rfft(window * _HANN)) ** 2
            self._power += power
            self._direction += np.sqrt(power / power.sum())
            self._times.append(((self.windows - 1) * 4 + 0.5) * _WINDOW / self.sample_rate)
            self._chroma.append(np.sqrt(power[self._pitched]) @ self._class_of_bin)

    def _count_clipped(self, full: np.ndarray) -> None:
        """Count runs of samples at full scale, also across blocks."""
        if not full.any():
            self._run = 0
            return
        edges = np.flatnonzero(np.diff(np.concatenate([[0], full.astype(np.int8), [0]])))
        lengths = edges[1::2] - edges[::2]
        counted = bool(full[0]) and self._run >= CLIPPED_RUN  # in an earlier block, as the same run
        if full[0]:
            lengths[0] += self._run
        self.clipped += int((lengths >= CLIPPED_RUN).sum()) - counted
        self._run = int(lengths[-1]) if full[-1] else 0

    def flatness(self) -> float:
        """Of the spectrum between 200 Hz and four fifths of the band: geometric over arithmetic mean."""
        first, last = round(200 * _WINDOW / self.sample_rate), round(0.8 * _WINDOW / 2)
        band = self._power[first:last]
        return float(np.exp(np.log(band).mean()) / band.mean()) if band.min() > 0 else 0.0

    def steadiness(self) -> float:
        """How little the spectrum changes, from 0 to 1; 0 for what does not last from start to end."""
        seconds = self.windows * 4 * _WINDOW / self.sample_rate
        if seconds < LEAST_SECONDS or self.heard < 0.98 * self.windows:
            return 0.0
        return float(np.linalg.norm(self._direction) / self.heard)

    def is_noise(self) -> bool:
        """Whether the spectrum is flat."""
        return self.flatness() > FLATNESS

    def is_endless(self) -> bool:
        """Whether one unchanging sound, which is not noise, lasts from start to end."""
        return self.steadiness() > STEADINESS and not self.is_noise()

    def likeness(self, sounding: np.ndarray) -> np.ndarray:
        """Correlation over time with the MIDI's pitch classes, moved up by 0..11 semitones `[12]`; zeros if unclear.

        Args:
            sounding: which pitch classes sound by the MIDI at each of `times`, 0 or 1 `[W, 12]`.
        """
        known = sounding.any(axis=1)
        if known.sum() < LEAST_HEARD:
            return np.zeros(12)
        heard, wanted = np.array(self._chroma)[known], sounding[known]
        wanted = wanted + _THIRD * np.roll(wanted, 7, axis=1) + _FIFTH * np.roll(wanted, 4, axis=1)
        heard /= np.maximum(np.linalg.norm(heard, axis=1, keepdims=True), 1e-12)
        heard -= heard.mean(axis=1, keepdims=True)
        wanted -= wanted.mean(axis=1, keepdims=True)
        scale = float(np.linalg.norm(heard) * np.linalg.norm(wanted))
        products = [float((np.roll(heard, -shift, axis=1) * wanted).sum()) for shift in range(12)]
        return np.array(products) / scale if scale > 0 else np.zeros(12)

    def wrong_pitch(self, sounding: np.ndarray) -> int | None:
        """By how many semitones the sound is above the MIDI (1..11, but not 7); None if it is right or unclear.

        Args:
            sounding: as for `likeness`.
        """
        likeness = self.likeness(sounding)
        best = int(np.argmax(likeness))
        clear = likeness[best] > _MIN_CORRELATION and likeness[best] - likeness[0] > _MORE_LIKE
        return best if clear and best != _TWELFTH else None

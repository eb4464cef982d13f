"""What can be heard of a stem that went wrong, gathered block by block so that memory does not grow with the file."""

from dataclasses import dataclass, field

import numpy as np

FLATNESS = 0.7  # geometric over arithmetic mean of the power spectrum: 1 is white noise, music stays below 0.3
STEADINESS = 0.995  # length of the mean unit spectrum: 1 if it never changes
LEAST_SECONDS = 10.0  # shorter sounds are not called endless
CLIPPED_RUN = 4  # samples in a row at full scale: a single one may be a peak that just fits
_FULL_SCALE = 1.0 - 2.5 / (1 << 15)
_WINDOW = 4096
_HANN = np.hanning(_WINDOW).astype(np.float32)
_SILENT = 10 ** (-50 / 20)
_TWELFTH = 7  # semitones (mod 12) of the third harmonic, which some instruments sound louder than the note itself
_PITCHED_HZ = (100.0, 2000.0)
_OTHER, _SAME = 0.9, 0.3  # correlation of pitch classes with the MIDI's, shifted and not, of a wrong pitch


@dataclass
class Listener:
    """Gathers one file, given as consecutive mono blocks.

    Args:
        sample_rate: in Hz.
    """

    sample_rate: int
    clipped: int = 0
    windows: int = 0
    heard: int = 0
    _run: int = 0
    _power: np.ndarray = field(default_factory=lambda: np.zeros(_WINDOW // 2 + 1))
    _direction: np.ndarray = field(default_factory=lambda: np.zeros(_WINDOW // 2 + 1))

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

    def is_noise(self) -> bool:
        """Whether the spectrum is flat between 200 Hz and four fifths of the band."""
        if not self.heard:
            return False
        first, last = round(200 * _WINDOW / self.sample_rate), round(0.8 * _WINDOW / 2)
        band = self._power[first:last] / self.heard
        return bool(band.min() > 0 and np.exp(np.log(band).mean()) / band.mean() > FLATNESS)

    def is_endless(self) -> bool:
        """Whether one unchanging sound lasts from start to end."""
        seconds = self.windows * 4 * _WINDOW / self.sample_rate
        if seconds < LEAST_SECONDS or self.heard < 0.98 * self.windows:
            return False
        return bool(np.linalg.norm(self._direction) / self.heard > STEADINESS)

    def wrong_pitch(self, pitch_classes: np.ndarray) -> int | None:
        """By how many semitones the sound is above the MIDI (1..11, but not 7); None if it is right or unclear.

        Args:
            pitch_classes: how long each sounds by the MIDI `[12]`.
        """
        hz = np.arange(1, len(self._power)) * self.sample_rate / _WINDOW
        audible = (hz >= _PITCHED_HZ[0]) & (hz <= _PITCHED_HZ[1])
        if not self.heard or not pitch_classes.any():
            return None
        classes = np.round(69 + 12 * np.log2(hz[audible] / 440)).astype(int) % 12
        sound = np.bincount(classes, np.sqrt(self._power[1:][audible]), minlength=12)
        if sound.std() == 0 or pitch_classes.std() == 0:
            return None
        likeness = [float(np.corrcoef(np.roll(sound, -shift), pitch_classes)[0, 1]) for shift in range(12)]
        best = int(np.argmax(likeness))
        return best if best not in (0, _TWELFTH) and likeness[best] > _OTHER and likeness[0] < _SAME else None

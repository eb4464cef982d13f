"""The audio files of a track, each decoded once for all that is wanted of it."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile

from . import reading
from .activity import Frames, frame_rms
from .decoded import Decoded, is_exact, mono_samples


class TrackAudio:
    """Gives the loudness of a track's files, and excerpts of their sums from what that decoded.

    An excerpt has the same bits as one that `reading.read_sum` decodes from the files: those that were not decoded
    here before, had no room or are of a lossy format are read from disk.

    Args:
        most: bytes of samples that may be kept; 0 where no excerpts are wanted.
    """

    def __init__(self, most: int):
        self._room = most
        self._kept: dict[Path, Decoded] = {}

    def frames(self, path: Path) -> Frames:
        """Decode a file once; its samples are kept while there is room.

        Raises:
            UserError: if the file is missing, empty, cut off or not audio, or holds values that are not finite.
        """
        room = self._room
        blocks: list[np.ndarray] = []

        def keep(file: soundfile.SoundFile, block: np.ndarray) -> None:
            nonlocal room
            samples = mono_samples(block)
            room = room - samples.nbytes if is_exact(file) else -1
            if room >= 0:
                blocks.append(samples)

        frames = frame_rms(path, keep if room else None)
        if blocks and room >= 0:
            self._kept[path], self._room = Decoded(frames.sample_rate, blocks), room
        return frames

    def read_sum(
        self, parts: Sequence[tuple[Path, float]], start: float, duration: float, sample_rate: int
    ) -> np.ndarray:
        """The part `start .. start + duration` (seconds) of files that are added, each with its gain; mono `[T]`.

        Raises:
            UserError: if a file that has to be read from disk is missing, not audio, or breaks off.
        """
        sources = [(self._kept.get(path, path), gain) for path, gain in parts]
        return reading.read_sum(sources, start, duration, sample_rate)

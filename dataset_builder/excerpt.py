"""Excerpts of items: where to draw them, and their audio, of which only the excerpt is decoded."""

from pathlib import Path

import numpy as np

from . import audio
from .items import Item, overlap, union
from .manifest import source_root

_TRIES = 16


def audio_files(item: Item, root: Path) -> list[Path]:
    """The files that hold an item's audio."""
    base = source_root(root)
    return [base / item.audio] if item.audio else [base / stem.path for stem in item.stems]


def read_excerpt(item: Item, root: Path, start: float, duration: float, sample_rate: int) -> np.ndarray:
    """The part `start .. start + duration` (seconds) of an item, float32 `[round(duration * sample_rate)]`.

    Args:
        item: which one; the stems of a virtual item are summed with their gains.
        root: the data set's folder.
        start: in seconds.
        duration: in seconds; past the item's end there is silence.
        sample_rate: of what is returned, in Hz.

    Raises:
        UserError: if a file is missing or cannot be decoded.
    """
    files = audio_files(item, root)
    gains = [1.0] if item.audio else [stem.gain for stem in item.stems]
    wav = np.zeros(round(duration * sample_rate), dtype=np.float32)
    for path, gain in zip(files, gains):
        wav += np.float32(gain) * audio.read(path, start, duration, sample_rate)
    return wav


def draw_start(item: Item, duration: float, rng: np.random.Generator) -> float:
    """A start in seconds of an excerpt in which the item sounds for at least half of the time, or the best of a few."""
    last = max(0.0, item.duration - duration)
    spans = union(*item.activity.values())
    best, most = 0.0, -1.0
    for _ in range(_TRIES):
        start = float(rng.uniform(0.0, last))
        share = overlap(spans, start, start + duration)
        if share >= duration / 2:
            return start
        if share > most:
            best, most = start, share
    if most <= 0 and spans:  # it sounds so briefly that no draw hit it
        first, end = spans[int(rng.integers(len(spans)))]
        return float(min(last, max(0.0, (first + end - duration) / 2)))
    return best

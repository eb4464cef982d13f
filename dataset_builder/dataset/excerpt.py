"""Excerpts of items: where to draw them, and their audio, of which only the excerpt is decoded."""

from pathlib import Path

import numpy as np

from ..audio import reading
from ..audio.spans import Spans, union
from ..items.item import Item
from .manifest import source_root
from .source_links import require_held

_STEP = 0.05  # seconds between the starts that are considered: activity is known no finer
_MIN_SOUNDING_SHARE = 0.5  # share of an excerpt in which the item has to sound


def audio_files(item: Item, root: Path) -> list[Path]:
    """The files that hold an item's audio.

    Raises:
        UserError: if one is a link out of the source.
    """
    require_held(item, root)
    return [path for path, _ in parts_of(item, source_root(root))]


def parts_of(item: Item, base: Path) -> list[tuple[Path, float]]:
    """The files that an item is the sum of, below its source's root, each with its gain."""
    if item.audio:
        return [(base / item.audio, 1.0)]
    return [(base / stem.path, stem.gain) for stem in item.stems]


def read_excerpt(item: Item, root: Path, start: float, duration: float, sample_rate: int) -> np.ndarray:
    """The part `start .. start + duration` (seconds) of an item, float32 `[round(duration * sample_rate)]`.

    Args:
        item: which one; the stems of a virtual item are summed with their gains.
        root: the data set's folder.
        start: in seconds.
        duration: in seconds; past the item's end there is silence.
        sample_rate: of what is returned, in Hz.

    Raises:
        UserError: if a file is missing or cannot be decoded, or is a link out of the source.
    """
    require_held(item, root)
    return reading.read_sum(parts_of(item, source_root(root)), start, duration, sample_rate)


def draw_start(item: Item, duration: float, rng: np.random.Generator) -> float:
    """A start in seconds of an excerpt in which the item sounds for at least half of the time.

    Each such start is as likely as any other. Where there is none, one of those is drawn in which the item sounds
    most: an excerpt is silent only if the item is.
    """
    last = max(0.0, item.duration - duration)
    starts = np.linspace(0.0, last, max(2, round(last / _STEP) + 1)) if last > 0 else np.zeros(1)
    sounding = _sounding_until(union(*item.activity.values()), starts + duration)
    sounding -= _sounding_until(union(*item.activity.values()), starts)
    enough = np.flatnonzero(sounding >= min(_MIN_SOUNDING_SHARE * duration, sounding.max() - 1e-6))
    return float(starts[enough[int(rng.integers(len(enough)))]])


def _sounding_until(spans: Spans, times: np.ndarray) -> np.ndarray:
    """Seconds of sound before each of `times`."""
    if not spans:
        return np.zeros(len(times))
    edges = np.array(spans).ravel()
    before = np.cumsum(np.diff(edges, prepend=edges[0]) * (np.arange(len(edges)) % 2))
    return np.interp(times, edges, before, left=0.0)

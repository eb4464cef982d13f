"""An item: one thing that the model can be asked to play, and all that is known of it."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..audio.spans import Spans, overlap
from ..music.instrument_words import words_of
from ..music.instruments import ordered

LEAST_SOUNDING = 0.25  # seconds: what sounds shorter in a window is not named


@dataclass(frozen=True)
class StemPart:
    """A stem of an item.

    Attributes:
        id: as in the source, for instance `S03`.
        path: of its audio, relative to the source's root.
        gain: linear, by which it is multiplied in the item.
        instrument: class of the vocabulary; None for one that has none (it sounds in mixes, but is not named).
        program: 0-based General MIDI program, 128 for drums.
        is_drum: whether it is a drum kit.
        word: what its owner calls the instrument, if General MIDI calls its program otherwise.
    """

    id: str
    path: str
    gain: float
    instrument: str | None
    program: int
    is_drum: bool
    word: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON."""
        values = dict(vars(self))
        if self.word is None:
            del values["word"]
        return values


@dataclass(frozen=True)
class Reference:
    """An item of the same track that can serve as reference, and how much melody it carries, 0..1."""

    item: str
    melody: float


@dataclass(frozen=True)
class Item:
    """One thing that the model can be asked to play.

    Attributes:
        id: unique in the data set.
        kind: mix | stem | submix.
        track: the track it belongs to; all items of a track are in one split.
        split: train | valid | test.
        stems: what it is the sum of; for a mix they say who plays, and `audio` is what is read.
        audio: path of a file that holds the whole item, relative to the source's root; None for a virtual item.
        instruments: classes in the vocabulary's order.
        duration: seconds.
        sample_rate: of its files, in Hz.
        bpm: tempo of its track, duration-weighted.
        key: of its track, music21's name; None if nothing in it has pitch.
        caption: what a captioner says of its audio.
        tags: the captioner's probabilities.
        description: one sentence without instruments.
        activity: when each stem sounds, spans in seconds by stem id.
        references: items of the track, those with most melody first.
        licence: of the recording.
        seed: from which what is random about it was drawn.
    """

    id: str
    kind: str
    track: str
    split: str
    stems: tuple[StemPart, ...]
    audio: str | None
    instruments: tuple[str, ...]
    duration: float
    sample_rate: int
    bpm: float | None
    key: str | None
    caption: str | None
    tags: dict[str, float] | None
    description: str | None
    activity: dict[str, Spans]
    references: tuple[Reference, ...]
    licence: str
    seed: int

    @property
    def files(self) -> list[str]:
        """Paths of the files that hold its audio, relative to the source's root."""
        return [self.audio] if self.audio else [stem.path for stem in self.stems]

    def sounding(self, start: float, end: float) -> tuple[str, ...]:
        """Instruments that sound for at least `LEAST_SOUNDING` seconds (or the whole window) in `start .. end`."""
        return ordered(stem.instrument for stem in self._sounding(start, end) if stem.instrument)

    def _sounding(self, start: float, end: float) -> Iterator[StemPart]:
        least = min(LEAST_SOUNDING, end - start)
        return (stem for stem in self.stems if overlap(self.activity.get(stem.id, ()), start, end) >= least)

    def words(self, start: float, end: float, how: str) -> tuple[str, ...]:
        """What a prompt calls the instruments that sound in `start .. end`; of the whole item if none does.

        Args:
            start: in seconds.
            end: in seconds.
            how: a name in `NAMINGS`.
        """
        return words_of(self._sounding(start, end), how) or words_of(self.stems, how)

    def to_json(self) -> dict[str, Any]:
        """Plain values for JSON; what holds no dataclass is shared, not copied."""
        values = dict(vars(self))
        values["stems"] = [stem.to_json() for stem in self.stems]
        values["references"] = [dict(vars(reference)) for reference in self.references]
        return values

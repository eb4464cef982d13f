"""Reads what frozen models made of a data set, in the process that draws excerpts."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import flashy
import torch

from dataset_builder.errors import UserError
from dataset_builder.items.item import Item

from .conditions import EncodedText, StoredReferences
from .feature_store import Store, contents_of
from .text_store import TextStore


@dataclass(frozen=True)
class EncoderIdentity:
    """Which frozen models entries are of, and how many frames a second these have.

    Attributes:
        codec: hash of its weights, and the precision of what was computed, unless it is float32.
        codec_frame_rate: in Hz.
        melody: what decides pitch classes beside the audio.
        melody_frame_rate: in Hz.
        melody_frames: pitch classes of an excerpt.
        text: what decides the states of a text; None where they are not kept.
    """

    codec: str
    codec_frame_rate: float
    melody: str
    melody_frame_rate: float
    melody_frames: int
    text: str | None = None


class StoreReader:
    """What is kept of a data set's excerpts: codes, pitch classes and text states.

    Args:
        root: the data set's folder.
        encoders: whose entries are read.
    """

    def __init__(self, root: Path, encoders: EncoderIdentity) -> None:
        self.root, self.encoders = root, encoders
        self.store = Store(root, encoders.codec, encoders.melody)
        self.texts = TextStore(root, encoders.text) if encoders.text else None

    def require(self, items: Iterable[Item]) -> None:
        """Stop unless all that will be read of these items is there.

        The run's first process looks for all: audio that no build has a record of is read for that.

        Raises:
            UserError: in all processes, if tracks are missing, torn, or were made of other audio.
        """
        fault = self._fault(items) if flashy.distrib.is_rank_zero() else None
        if fault := flashy.distrib.broadcast_object(fault):
            raise UserError(fault)

    def _fault(self, items: Iterable[Item]) -> str | None:
        """What is wrong with the entries of these items, in a line."""
        by_track: dict[str, list[Item]] = {}
        for item in items:
            by_track.setdefault(item.track, []).append(item)
        try:
            contents = {track: contents_of(self.root, members) for track, members in by_track.items()}
        except UserError as error:
            return str(error)
        lacking = [track for track, each in contents.items() if not self.store.has(track, each)]
        if not lacking:
            return None
        return (
            f"{self.store.folder} lacks {len(lacking)} of {len(by_track)} tracks, such as {lacking[0]}, or they have "
            "changed: run `orchestrator prepare` with this run's settings (its orchestrator.store_precision, too), or "
            "set orchestrator.store=false"
        )

    def codes(self, item: Item, start: float, seconds: float) -> torch.Tensor:
        """Codes `[K, S]` of an excerpt."""
        rate = self.encoders.codec_frame_rate
        return self.store.codes(item, round(start * rate), round(seconds * rate))

    def reference(self, item: Item, start: float, length: int) -> StoredReferences:
        """The pitch classes of an excerpt, as the reference of one sample.

        Args:
            item: the reference.
            start: in seconds.
            length: samples of audio before the item's end.
        """
        first = round(start * self.encoders.melody_frame_rate)
        classes = self.store.pitch_classes(item, first, self.encoders.melody_frames)
        return StoredReferences.one(classes, length)

    def prompt(self, text: str) -> str:
        """A prompt, with its states where a frozen encoder makes any."""
        return EncodedText(text, self.texts.find(text)) if self.texts else text

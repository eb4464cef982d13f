"""How a reference is described: by any captioner and describer that a data set can have."""

import hashlib
from dataclasses import dataclass, field

import numpy as np

from dataset_builder.descriptor.captions.captioner import Caption, Captioner, CaptionError
from dataset_builder.descriptor.captions.musicnn_captioner import MusicnnCaptioner
from dataset_builder.descriptor.captions.registry import CaptionSettings, build_captioner
from dataset_builder.descriptor.captions.table_captioner import TableCaptioner
from dataset_builder.descriptor.describers import DESCRIBERS, ChatDescriber, Describer
from dataset_builder.errors import UserError
from dataset_builder.items.facts import Facts
from dataset_builder.llm.settings import ChatSettings

from .reference_audio import ReferenceAudio
from .request import Description


@dataclass(frozen=True)
class Descriptor:
    """How a reference is described: any captioner and describer of data sets. The defaults ask no server.

    Attributes:
        captions: which captioner, and how it is reached.
        describer: in `DESCRIBERS`, or none.
        chat: how the language model of the describer `chat` is reached.
    """

    captions: CaptionSettings = field(default_factory=CaptionSettings)
    describer: str = "template"
    chat: ChatSettings = field(default_factory=ChatSettings)

    def require(self) -> None:
        """See that all is there that can be looked for before anything is asked: names, keys, addresses.

        Raises:
            UserError: what is missing.
        """
        build_captioner(self.captions)
        self._describer()

    def describe(self, reference: ReferenceAudio) -> Description:
        """A sentence or two about a reference, from its caption, tempo and key.

        Raises:
            UserError: a model has nothing to say of it, or cannot be reached.
        """
        caption = self._caption(reference)
        item = hashlib.sha256(reference.wav.tobytes()).hexdigest()  # seeds the wording: the same audio, the same words
        describer = self._describer()
        text, who = (caption.text, self.captions.name) if caption else (None, None)
        if describer is None:
            return Description(caption=text, captioner=who)
        facts = Facts(item, text, caption.tags if caption else None, reference.bpm, reference.key)
        return Description(describer.describe(facts), describer.name, text, who)

    def _describer(self) -> Describer | None:
        if self.describer == "none":
            return None
        if self.describer not in DESCRIBERS:
            raise UserError(f"unknown describer {self.describer!r}, known: {', '.join(DESCRIBERS)}, none")
        return ChatDescriber(self.chat) if self.describer == ChatDescriber.name else DESCRIBERS[self.describer]()

    def _caption(self, reference: ReferenceAudio) -> Caption | None:
        captioner = build_captioner(self.captions)
        if captioner is None:
            return None
        try:
            if isinstance(captioner, TableCaptioner):
                return captioner.of_item(str(reference.source.get("file")))[0]
            clips = _clips(reference, captioner, self.captions.windows)
            return _joined(captioner.captions(clips, reference.sample_rate))
        except CaptionError as error:
            raise UserError(f"no caption of the reference: {error}; say what it is like with a description") from error


def _clips(reference: ReferenceAudio, captioner: Captioner, count: int) -> list[np.ndarray]:
    """What a captioner hears of a reference: all, if it is musicnn, which goes through it; else windows, evenly."""
    length = round(captioner.seconds * reference.sample_rate)
    if captioner.name == MusicnnCaptioner.name or len(reference.wav) <= length:
        return [reference.wav]
    begins = np.linspace(0, len(reference.wav) - length, count).astype(int)
    return [reference.wav[begin : begin + length] for begin in begins]


def _joined(captions: list[Caption]) -> Caption:
    return Caption(" ".join(dict.fromkeys(caption.text for caption in captions)), captions[0].tags)


def describe(reference: ReferenceAudio) -> Description:
    """One sentence about a reference, by the data set's own Music Descriptor as it is by default."""
    return Descriptor().describe(reference)

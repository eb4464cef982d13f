"""What is asked for: a reference, the instruments that are to play it, and what the music is like."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from dataset_builder.descriptor.captions.registry import CAPTIONERS, CaptionSettings
from dataset_builder.descriptor.describers import DESCRIBERS
from dataset_builder.items import prompt
from dataset_builder.items.facts import Facts
from dataset_builder.music.instruments import class_of_word

from .reference_audio import ReferenceAudio


@dataclass(frozen=True)
class Description:
    """What the prompt says of the music besides the instruments.

    Attributes:
        text: one sentence or several; None says nothing.
        source: who said it: user, template, data set, or none.
        caption: what it was made from, if it was.
    """

    text: str | None = None
    source: str = "none"
    caption: str | None = None


@dataclass(frozen=True)
class Request:
    """What is to be played.

    Attributes:
        reference: what is to be followed.
        instruments: of `dataset_builder.music.instruments.CLASSES`.
        description: of the music.
        words: what the prompt calls the instruments; by default their classes.
    """

    reference: ReferenceAudio
    instruments: Sequence[str]
    description: Description = Description()
    words: Sequence[str] = ()

    @property
    def prompt(self) -> str:
        """What the model is told."""
        return prompt.compose(self.words or self.instruments, self.description.text)


def parts_of(request: Request) -> list[Request]:
    """A request of each instrument alone, in their order."""
    found = ((word, class_of_word(word)) for word in request.words or request.instruments)
    return [replace(request, instruments=(name,) if name else (), words=(word,)) for word, name in found]


def describe(reference: ReferenceAudio) -> Description:
    """One sentence about a reference, from its caption, tempo and key, by the data set's own Music Descriptor."""
    caption = CAPTIONERS["musicnn"](CaptionSettings()).caption(reference.wav, reference.sample_rate)
    item = hashlib.sha256(reference.wav.tobytes()).hexdigest()  # seeds the wording: the same audio, the same words
    facts = Facts(item, caption.text, caption.tags, reference.bpm, reference.key)
    return Description(DESCRIBERS["template"]().describe(facts), "template", caption.text)

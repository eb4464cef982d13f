"""What is asked for: a reference, the instruments that are to play it, and what the music is like."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dataset_builder.items import prompt
from dataset_builder.music.instrument_words import asked_for

from .reference_audio import ReferenceAudio


@dataclass(frozen=True)
class Description:
    """What the prompt says of the music besides the instruments.

    Attributes:
        text: one sentence or several; None says nothing.
        source: who said it: user, a describer (template, chat), data set, or none.
        caption: what it was made from, if it was.
        captioner: who said that.
    """

    text: str | None = None
    source: str = "none"
    caption: str | None = None
    captioner: str | None = None


@dataclass(frozen=True)
class Request:
    """What is to be played.

    Attributes:
        reference: what is to be followed.
        instruments: of `dataset_builder.music.instruments.CLASSES`.
        description: of the music.
        words: what the prompt calls the instruments; by default their classes.
        called: what the user calls them, in the user's order; by default their classes.
    """

    reference: ReferenceAudio
    instruments: Sequence[str]
    description: Description = Description()
    words: Sequence[str] = ()
    called: Sequence[str] = ()

    @property
    def prompt(self) -> str:
        """What the model is told."""
        return prompt.compose(self.words or self.instruments, self.description.text)


def parts_of(request: Request) -> list[Request]:
    """A request of each instrument alone, in their order."""
    parts = []
    for one in asked_for(", ".join(request.called or request.words or request.instruments)):
        told = one.word if one.word in request.words or not one.instrument else one.instrument
        named = (one.instrument,) if one.instrument else ()
        parts.append(replace(request, instruments=named, words=(told,), called=(one.word,)))
    return parts

"""Classifier-free guidance, https://arxiv.org/abs/2207.12598, of prompt and reference together or apart."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Guidance:
    """How strongly what is given is followed; 1 is as the model was trained.

    Attributes:
        melody: the reference.
        words: the prompt.
    """

    melody: float
    words: float

    def __str__(self) -> str:
        return f"{self.melody:g}" if self.melody == self.words else f"{self.melody:g} melody, {self.words:g} words"

    @property
    def passes(self) -> tuple[tuple[str, ...], ...]:
        """What each pass through the model goes without: nothing, the text, or both, as guidance needs it."""
        if self.melody == self.words:
            return ((),) if self.words == 1 else ((), ("text", "wav"))
        return ((), ("text",), ("text", "wav"))

    def combined(self, logits: "torch.Tensor") -> "torch.Tensor":
        """The logits `[B, ...]` that those of all passes `[passes * B, ...]` make together."""
        given, *others = logits.chunk(len(self.passes))
        if not others:
            return given
        if len(others) == 1:
            return others[0] + (given - others[0]) * self.words
        without_words, nothing = others
        return nothing + (without_words - nothing) * self.melody + (given - without_words) * self.words

"""What a captioner is: audio in, a caption out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Caption:
    """What a captioner says about one clip.

    Attributes:
        text: one short sentence.
        tags: probability of every mood and genre tag, 0 to 1; empty for captioners that give none.
    """

    text: str
    tags: dict[str, float]


class CaptionError(Exception):
    """A captioner fails on one clip; others may go well."""


class Captioner(Protocol):
    """Describes mono audio. Deterministic: the same samples give the same caption."""

    name: str
    seconds: float  # what it listens to at once
    sample_rate: int  # that it likes, in Hz

    def caption(self, wav: np.ndarray, sample_rate: int) -> Caption:
        """Caption of `wav` `[T]`.

        Raises:
            UserError: empty audio, NaN, or what the captioner needs is missing.
            CaptionError: if it has nothing to say of this clip.
        """
        ...

    def captions(self, wavs: Sequence[np.ndarray], sample_rate: int) -> list[Caption]:
        """Captions of several clips, cheaper than one by one."""
        ...

"""What a metric is given, and what it gives back."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from dataset_builder.errors import UserError

SILENT = 1e-4  # of full scale: -80 dB


def is_silent(wav: np.ndarray) -> bool:
    """Whether no sample of `wav` `[T]` is above `SILENT`: there is nothing to be heard."""
    return not np.abs(wav).max(initial=0.0) > SILENT


@dataclass(frozen=True)
class Notes:
    """The N notes of a clip, in any order.

    Attributes:
        onsets, offsets: when each begins and ends, in seconds from the clip's begin `[N]` float64.
        pitches: MIDI numbers `[N]`.
    """

    onsets: np.ndarray
    offsets: np.ndarray
    pitches: np.ndarray

    def __len__(self) -> int:
        return len(self.onsets)


@dataclass(frozen=True)
class Clips:
    """A batch of B clips to score. Audio is mono float32 `[T]`, lengths may differ.

    Attributes:
        generated: what the model played.
        targets: what stands in the data set for the same prompt and time.
        references: what the model was to follow; the targets themselves under the policy `self`.
        instruments: the instruments that the prompt asks for, canonical names.
        prompts: the prompts' full text.
        sample_rate: of all audio, in Hz.
        reference_notes: what the references play, where it is known by heart (from MIDI); None for a clip, or for all,
            where it is only to be heard.
    """

    generated: Sequence[np.ndarray]
    targets: Sequence[np.ndarray]
    references: Sequence[np.ndarray]
    instruments: Sequence[Sequence[str]]
    prompts: Sequence[str]
    sample_rate: int
    reference_notes: Sequence[Notes | None] | None = None


def require_numbers(wavs: Sequence[np.ndarray], what: str) -> None:
    """See that clips are sound, and not what remains of a computation that failed.

    Raises:
        UserError: NaN or infinity in a clip; it names the first, counted from 1.
    """
    for place, wav in enumerate(wavs, 1):
        if not np.isfinite(wav).all():
            raise UserError(
                f"clip {place} of {what} holds NaN or infinity: expected samples; whatever made it has failed"
            )


class SetMetric(Protocol):
    """Compares what is generated with what is in the data set, all clips at once.

    Attributes:
        label: column heading; names the network that the score depends on.
        higher_is_better: direction.
    """

    label: str
    higher_is_better: bool

    def embed(self, wavs: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
        """A row for each mono clip `[B, D]` float64, NaN where it is silent; the same with any neighbours."""
        ...

    def distance(self, generated: np.ndarray, target: np.ndarray) -> float:
        """The score of embeddings `[N, D]` and `[M, D]` without NaN; NaN where they are too few."""
        ...


class ClipMetric(Protocol):
    """Scores every clip by itself, so that intervals can be had by resampling works.

    One whose scores depend on files that others publish also has `provenance() -> dict[str, str]`, which says which.

    Attributes:
        label: column heading; names the network that the score depends on.
        higher_is_better: direction.
    """

    label: str
    higher_is_better: bool

    def __call__(self, clips: Clips) -> np.ndarray:
        """Scores `[B]` float64, NaN where the score is not defined for that clip (for instance a silent reference)."""
        ...

"""What a sample is conditioned on: its prompt and its reference, and what a conditioner makes of each.

audiocraft passes text as strings, references as `WavCondition` and conditions as pairs; what is here passes wherever
those do (`EncodedText`, `Condition`), or is turned into them and back at one place (`AudioReferences`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import torch
from audiocraft.modules.conditioners import ConditioningAttributes, ConditioningProvider, WavCondition
from torch.nn.utils.rnn import pad_sequence

_ONE_STEM = "one stem"  # in `WavCondition.path`; samples of a run are named by it


class Condition(NamedTuple):
    """What a conditioner gives to the language model.

    Attributes:
        value: `[B, S, D]`.
        mask: `[B, S]`, 0 where there is nothing.
    """

    value: torch.Tensor
    mask: torch.Tensor

    def of(self, samples: slice) -> "Condition":
        """The condition of some of the samples."""
        return Condition(self.value[samples], self.mask[samples])

    def float(self) -> "Condition":
        """The same in float32."""
        return Condition(self.value.float(), self.mask)


class EncodedText(str):
    """A prompt that brings what a frozen text encoder made of it.

    Attributes:
        states: `[S, D]`; None if they were not computed before.
    """

    states: torch.Tensor | None

    def __new__(cls, text: str, states: torch.Tensor | None = None) -> "EncodedText":
        made = super().__new__(cls, text)
        made.states = states
        return made


@dataclass(frozen=True)
class AudioReferences:
    """References of B samples whose melody has to be heard.

    Attributes:
        wav: `[B, 1, T]`.
        lengths: samples before the reference ends `[B]`; 0 for one that is dropped.
        one_stem: for each whether it is a single instrument; a mix may be separated first.
    """

    wav: torch.Tensor
    lengths: torch.Tensor
    one_stem: tuple[bool, ...]

    @classmethod
    def of_wav_conditions(cls, samples: Sequence[WavCondition]) -> "AudioReferences":
        """The references of single samples as audiocraft passes them, each filled with silence to the longest."""
        wav = pad_sequence([sample.wav.mean(1).flatten() for sample in samples], batch_first=True)
        one_stem = tuple(path == _ONE_STEM for sample in samples for path in sample.path)
        return cls(wav[:, None], torch.cat([sample.length for sample in samples]), one_stem)

    def to(self, device: torch.device | str) -> "AudioReferences":
        """The same on a device."""
        return replace(self, wav=self.wav.to(device), lengths=self.lengths.to(device))


@dataclass(frozen=True)
class StoredReferences:
    """References of B samples whose pitch classes were computed before.

    Attributes:
        classes: `[B, S]`, -1 where silent or dropped.
        lengths: samples of audio before the reference ends `[B]`; 0 for one that is dropped.
    """

    classes: torch.Tensor
    lengths: torch.Tensor

    @classmethod
    def one(cls, classes: torch.Tensor, length: int) -> "StoredReferences":
        """The reference of a sample: pitch classes `[S]`, and how many samples of audio they stand for."""
        return cls(classes[None], _given(length))

    @classmethod
    def stack(cls, samples: "Sequence[StoredReferences | WavCondition]") -> "StoredReferences":
        """One batch of several; what is dropped comes from audiocraft as a `WavCondition` of length 0."""
        frames = max(sample.classes.shape[1] for sample in samples if isinstance(sample, StoredReferences))
        dropped = cls(torch.full((1, frames), -1), torch.zeros(1, dtype=torch.long))
        rows = [sample if isinstance(sample, StoredReferences) else dropped for sample in samples]
        assert all(isinstance(sample, StoredReferences) or not sample.length.any() for sample in samples)
        return cls(torch.cat([row.classes for row in rows]), torch.cat([row.lengths for row in rows]))

    def to(self, device: torch.device | str) -> "StoredReferences":
        """The same on a device."""
        return StoredReferences(self.classes.to(device), self.lengths.to(device))

    @property
    def wav(self) -> torch.Tensor:
        """No audio `[B, 1, 1]`: of this audiocraft makes a dropped reference."""
        return torch.zeros(len(self.classes), 1, 1)

    @property
    def sample_rate(self) -> list[int]:
        """Of no audio."""
        return [1] * len(self.classes)


References = AudioReferences | StoredReferences


def audio_reference(wav: torch.Tensor, length: int, sample_rate: int, one_stem: bool) -> WavCondition:
    """A sample's reference as audiocraft passes it on.

    Args:
        wav: `[1, T]`, silent from `length` on.
        length: samples before it ends.
        sample_rate: in Hz.
        one_stem: whether it is a single instrument.
    """
    path = _ONE_STEM if one_stem else None
    return WavCondition(wav[None], _given(length), [sample_rate], [path], [None])


def _given(length: int) -> torch.Tensor:
    """The length of a reference that is given, however early it ends: one without any sample would be a dropped one."""
    return torch.tensor([max(1, length)])


def collate(samples: Sequence[WavCondition | StoredReferences]) -> References:
    """One batch of the references of its samples, of which each may be dropped."""
    if any(isinstance(sample, StoredReferences) for sample in samples):
        return StoredReferences.stack(samples)
    return AudioReferences.of_wav_conditions([sample for sample in samples if isinstance(sample, WavCondition)])


class ConditionProvider(ConditioningProvider):
    """audiocraft's, whose references may bring pitch classes in the place of audio, and whose conditions have names."""

    def forward(self, tokenized: dict[str, Any]) -> dict[str, Condition]:
        """The condition of every conditioner by its name, from what `tokenize` returns."""
        return {name: Condition(*self.conditioners[name](inputs)) for name, inputs in tokenized.items()}

    def _collate_wavs(self, samples: list[ConditioningAttributes]) -> dict[str, References]:
        return {name: collate([sample.wav[name] for sample in samples]) for name in self.wav_conditions}

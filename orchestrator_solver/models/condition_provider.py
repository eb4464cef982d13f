"""Where audiocraft's language model hands samples to their conditioners, in our types."""

from typing import Any

from audiocraft.modules.conditioners import ConditioningAttributes, ConditioningProvider

from ..features.conditions import Condition, References, collate


class ConditionProvider(ConditioningProvider):
    """audiocraft's, whose references may bring pitch classes in the place of audio, and whose conditions have names."""

    def forward(self, tokenized: dict[str, Any]) -> dict[str, Condition]:
        """The condition of every conditioner by its name, from what `tokenize` returns."""
        return {name: Condition(*self.conditioners[name](inputs)) for name, inputs in tokenized.items()}

    def _collate_wavs(self, samples: list[ConditioningAttributes]) -> dict[str, References]:
        return {name: collate([sample.wav[name] for sample in samples]) for name in self.wav_conditions}

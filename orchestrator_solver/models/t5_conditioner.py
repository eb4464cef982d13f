"""T5's states of a prompt, which the prompt may bring along where they were computed before."""

import hashlib
from typing import Any

import torch
from audiocraft.modules.conditioners import T5Conditioner
from torch.nn.utils.rnn import pad_sequence

from ..features.conditions import Condition, EncodedText
from ..weights.package import state_hash

_BATCH = 64  # texts that are encoded at once
TEXTS = "texts"


class StoredT5Conditioner(T5Conditioner):
    """audiocraft's conditioner, with its weights and its output; T5 itself only runs for texts that bring no states.

    A text is kept by itself: in a batch its states are followed by zeros up to the longest, as audiocraft's are. What
    is kept has 16 bits, so that outputs differ by up to about a thousandth.
    """

    @property
    def identity(self) -> str:
        """What decides the states of a text."""
        settings = f"{self.name} {self.normalize_text} {state_hash(self.t5.state_dict())}"
        return hashlib.sha256(settings.encode()).hexdigest()

    def tokenize(self, x: list[str | None]) -> dict[str, Any]:
        """Tokens, or the texts themselves where each was looked for in a store, or is absent."""
        plain = any(text and not isinstance(text, EncodedText) for text in x)
        if plain or (self.word_dropout > 0 and self.training):
            return super().tokenize(x)
        return {TEXTS: [text or "" for text in x]}

    def forward(self, inputs: dict[str, Any]) -> Condition:
        """States `[B, tokens, D]` and their mask `[B, tokens]`, both zero for an empty text."""
        if TEXTS not in inputs:
            return Condition(*super().forward(inputs))
        texts = inputs[TEXTS]
        rows = [self._states(text) for text in texts]
        lengths = [len(row) if text else 0 for row, text in zip(rows, texts, strict=True)]
        padded = pad_sequence(rows, batch_first=True).to(self.output_proj.weight)
        frame = torch.arange(padded.shape[1], device=padded.device)
        mask = (frame < torch.tensor(lengths, device=padded.device)[:, None]).long()
        return Condition(self.output_proj(padded) * mask[..., None], mask)

    def _states(self, text: str) -> torch.Tensor:
        if not text:  # one token, and masked: what its states are does not matter
            return torch.zeros(1, self.dim)
        states = text.states if isinstance(text, EncodedText) else None
        return self.encode([text])[0] if states is None else states

    @torch.no_grad()
    def encode(self, texts: list[str]) -> list[torch.Tensor]:
        """T5's states `[tokens, D]` of each text, without those of padding."""
        found = []
        for start in range(0, len(texts), _BATCH):
            inputs = self.t5_tokenizer(texts[start : start + _BATCH], return_tensors="pt", padding=True).to(self.device)
            with self.autocast:
                states = self.t5(**inputs).last_hidden_state
            lengths = inputs["attention_mask"].sum(1).tolist()
            found += [state[:length].cpu() for state, length in zip(states, lengths, strict=True)]
        return found

"""A prompt as one vector: its instruments, and its other words."""

import re
import zlib

import torch
from audiocraft.modules.conditioners import TextConditioner
from torch import nn

from dataset_builder.music.instruments import CLASSES, find_instruments

from ..features.conditions import Condition

WORD = re.compile(r"[a-z]+#?|\d+")


def word_bins(text: str, n_bins: int) -> list[int]:
    """The bins in `1..n_bins-1` of the words of `text`; a number falls in the bin of its tens, as tempi do."""
    words = WORD.findall(text.lower())
    tokens = [f"{int(word[:4]) // 10}x" if word.isdigit() else word for word in words]
    return [1 + zlib.crc32(token.encode()) % (n_bins - 1) for token in tokens]


class BagOfWordsConditioner(TextConditioner):
    """The mean of the prompt's word embeddings beside the sum of its instruments' embeddings, `[B, 1, D]`.

    Small enough to be trained with the nano model and shipped with it: no text encoder, no download. A sum, so that
    each instrument counts the same however many there are. Order and grammar are lost, which the prompts do not need.

    Args:
        output_dim: width of the language model.
        dim: width of an embedding.
        n_bins: number of hash bins for words; bin 0 is padding.
    """

    def __init__(self, output_dim: int, dim: int, n_bins: int) -> None:
        super().__init__(2 * dim, output_dim)
        self.n_bins = n_bins
        self.words = nn.Embedding(n_bins, dim, padding_idx=0)
        self.instruments = nn.Embedding(len(CLASSES), dim)

    def tokenize(self, x: list[str | None]) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Word bins `[B, W]`, instruments as a mask `[B, 34]`, and whether there is a prompt `[B]`."""
        bins = [word_bins(text or "", self.n_bins) for text in x]
        words = torch.zeros(len(x), max(1, *map(len, bins)), dtype=torch.long)
        instruments = torch.zeros(len(x), len(CLASSES))
        for i, text in enumerate(x):
            words[i, : len(bins[i])] = torch.tensor(bins[i], dtype=torch.long)
            for name in find_instruments(text or ""):
                instruments[i, CLASSES.index(name)] = 1.0
        present = torch.tensor([bool(text) for text in x])
        device = self.words.weight.device
        return words.to(device), instruments.to(device), present.to(device)

    def forward(self, inputs: tuple[torch.Tensor, torch.Tensor, torch.Tensor]) -> Condition:
        """The condition `[B, 1, D]` and its mask `[B, 1]`, both zero where there is no prompt."""
        words, instruments, present = inputs
        count = (words > 0).sum(1, keepdim=True).clamp(min=1)
        mean = self.words(words).sum(1) / count
        pooled = torch.cat([mean, instruments.to(mean) @ self.instruments.weight], dim=-1)
        mask = present[:, None].int()
        return Condition(self.output_proj(pooled)[:, None] * mask[..., None], mask)

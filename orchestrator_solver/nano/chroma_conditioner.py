"""The melody condition: argmax chroma of the reference, with no pitch where it is silent."""

import torch
from audiocraft.modules.conditioners import WaveformConditioner
from torch.nn import functional as F

from ..features.chroma import Chroma
from ..features.conditions import Condition, References, StoredReferences
from ..features.pitch_classes import PIECE_SECONDS, identity_of, pitch_classes, pitch_classes_in_pieces


class ChromaConditioner(WaveformConditioner):
    """Argmax chroma of the reference, frame by frame, `[B, S', D]`.

    Where MusicGen separates stems first (`ChromaStemConditioner`), the chroma is taken directly: the reference is one
    stem, or the user says what it is. Silent frames are all zero.

    Args:
        output_dim: width of the language model.
        sample_rate: of the reference, in Hz.
        radix2_exp: the window is `2 ** radix2_exp` samples, the hop a quarter of it.
        context: frames on each side that are given with every frame.
        device: where to compute.
    """

    def __init__(self, output_dim: int, sample_rate: int, radix2_exp: int, context: int, device: str) -> None:
        super().__init__(dim=12 * (2 * context + 1), output_dim=output_dim, device=device)
        self.context = context
        self.chroma = Chroma(sample_rate, radix2_exp, device)

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.chroma.frame_rate

    def frames_in(self, samples: int) -> int:
        """Pitch classes that are read from a store for an excerpt of so many samples."""
        return samples // self.chroma.hop

    @property
    def identity(self) -> str:
        """What decides pitch classes beside the audio."""
        return identity_of(self.chroma)

    def pitch_classes_of_item(self, wav: torch.Tensor, one_stem: bool) -> torch.Tensor:
        """Pitch classes `[S']` of a whole item `[1, 1, T]`, -1 where silent."""
        return pitch_classes_in_pieces(self.chroma, wav, None, PIECE_SECONDS)

    def _downsampling_factor(self) -> int:
        return self.chroma.hop

    def tokenize(self, x: References) -> References:
        """The references on this module's device."""
        return x.to(self.device)

    def classes_of(self, x: References) -> torch.Tensor:
        """Pitch classes `[B, S']` of the references, -1 where silent or dropped."""
        if isinstance(x, StoredReferences):
            return x.classes
        if x.wav.shape[-1] <= 1:  # all are dropped
            return torch.full((x.wav.shape[0], 1), -1, device=x.wav.device)
        classes = pitch_classes(self.chroma, x.wav)
        return torch.where((x.lengths > 0)[:, None], classes, torch.full_like(classes, -1))

    def forward(self, x: References) -> Condition:
        """The condition `[B, S', D]` and its mask `[B, S']`, zero for a dropped reference."""
        with torch.no_grad():
            classes = self.classes_of(x)
            one_hot = F.one_hot(classes + 1, 13)[..., 1:].to(self.output_proj.weight)
            padded = F.pad(one_hot, (0, 0, self.context, self.context))
            stacked = padded.unfold(1, 2 * self.context + 1, 1).flatten(2)  # [B, S', 12 * (2 context + 1)]
        given = (x.lengths > 0).to(classes.device)[:, None].expand(-1, classes.shape[1])
        return Condition(self.output_proj(stacked) * given[..., None], given.int())

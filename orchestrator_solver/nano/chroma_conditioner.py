"""The melody condition: argmax chroma of the reference, with no pitch where it is silent."""

import torch
from audiocraft.modules.conditioners import ConditionType, WavCondition, WaveformConditioner
from torch.nn import functional as F

from ..features.chroma import Chroma
from ..features.feature_store import Store
from ..features.pitch_classes import ONE_STEM, PIECE_SECONDS, identity_of, pitch_classes, pitch_classes_in_pieces


class ChromaConditioner(WaveformConditioner):
    """Argmax chroma of the reference, frame by frame, `[B, S', D]`.

    Where MusicGen separates stems first (`ChromaStemConditioner`), the chroma is taken directly: the reference is one
    stem, or the user says what it is. Silent frames are all zero.

    Args:
        output_dim: width of the language model.
        sample_rate: of the reference, in Hz.
        radix2_exp: the window is `2 ** radix2_exp` samples, the hop a quarter of it.
        context: frames on each side that are given with every frame.
        store: where pitch classes of whole items were computed before; else they are computed from the excerpt.
        device: where to compute.
    """

    def __init__(
        self, output_dim: int, sample_rate: int, radix2_exp: int, context: int, store: Store | None, device: str
    ) -> None:
        super().__init__(dim=12 * (2 * context + 1), output_dim=output_dim, device=device)
        self.context = context
        self.radix2_exp = radix2_exp
        self.store = store
        self.chroma = Chroma(sample_rate, radix2_exp, device)

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.chroma.sample_rate / self.chroma.hop

    @property
    def identity(self) -> str:
        """What decides pitch classes beside the audio."""
        return identity_of(self.chroma)

    def pitch_classes_of_item(self, wav: torch.Tensor, one_stem: bool) -> torch.Tensor:
        """Pitch classes `[S']` of a whole item `[1, 1, T]`, -1 where silent."""
        return pitch_classes_in_pieces(self.chroma, wav, None, PIECE_SECONDS)

    def _downsampling_factor(self) -> int:
        return self.chroma.hop

    def _from_audio(self, x: WavCondition) -> bool:
        """Whether a reference that is given (not dropped) is not one of the store's."""
        return any(path in (None, ONE_STEM) and length > 0 for path, length in zip(x.path, x.length, strict=True))

    def _pitch_classes(self, x: WavCondition) -> torch.Tensor:
        """Pitch classes `[B, S']` of the references, -1 where silent or dropped."""
        if x.wav.shape[-1] <= 1:
            return torch.full((x.wav.shape[0], 1), -1, device=x.wav.device)
        if self.store is None or self._from_audio(x):
            classes = pitch_classes(self.chroma, x.wav)
            return torch.where((x.length > 0)[:, None], classes, torch.full_like(classes, -1))
        frames = int(x.wav.shape[-1] // self.chroma.hop)
        rows = [
            torch.full((frames,), -1)
            if path is None or seek is None
            else self.store.pitch_classes(path, round(seek * self.frame_rate), frames)
            for path, seek in zip(x.path, x.seek_time, strict=True)
        ]
        return torch.stack(rows).to(x.wav.device)

    def forward(self, x: WavCondition) -> ConditionType:
        """The condition `[B, S', D]` and its mask `[B, S']`, zero for a dropped reference."""
        with torch.no_grad():
            classes = self._pitch_classes(x)
            one_hot = F.one_hot(classes + 1, 13)[..., 1:].to(self.output_proj.weight)
            padded = F.pad(one_hot, (0, 0, self.context, self.context))
            stacked = padded.unfold(1, 2 * self.context + 1, 1).flatten(2)  # [B, S', 12 * (2 context + 1)]
        given = (x.length > 0).to(classes.device)[:, None].expand(-1, classes.shape[1])
        return self.output_proj(stacked) * given[..., None], given.int()

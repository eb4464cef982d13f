"""The melody condition: argmax chroma of the reference, with no pitch where it is silent."""

import torch
from audiocraft.modules.conditioners import ConditionType, WavCondition, WaveformConditioner
from torch.nn import functional as F

from .metrics.chroma import Chroma
from .store import Store

ONE_STEM = "one stem"  # in the place of `WavCondition.path`: the reference is not one of the store's, and not a mix


def pitch_classes(chroma: Chroma, wav: torch.Tensor) -> torch.Tensor:
    """Pitch class of each frame of `wav` `[B, 1, T]`, or -1 where silent: int64 `[B, S']`.

    The argmax of an all-zero chroma frame is C: only what is voiced tells it from a C that sounds. In float32 whatever
    the training's precision: loud spectra overflow in 16 bits.
    """
    with torch.autocast(wav.device.type, enabled=False):
        frames = chroma(wav.float())
    return torch.where(frames.voiced, frames.classes, torch.full_like(frames.classes, -1))


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

"""MusicGen Melody's condition at full size: a prefix of argmax chroma, with no pitch where the reference is silent.

Stands in for audiocraft's `ChromaStemConditioner` under the same name and with the same weights. What differs:

- A reference that is one stem is not separated: htdemucs would keep vocals and other, and of a bass nothing.
- A silent frame has no pitch. The argmax of an all-zero frame is C; such a frame is masked, as MusicGen masked what
  lies past a track's end when it was trained, and so is the whole of a dropped reference.
- The prefix always has the length that it has in training, and the same mask in the solver and in generation.
  (audiocraft's solver masks, its `get_pretrained` repeats a short reference and masks nothing; a batch of which
  everything is dropped has a shorter prefix.)
- What is kept on disk is found by what it was computed from, not by a file's path.
"""

import hashlib
from pathlib import Path
from typing import Any

import torch
from audiocraft.modules.chroma import ChromaExtractor
from audiocraft.modules.conditioners import WaveformConditioner
from torch.nn import functional as F

from ..features.chroma import Chroma
from ..features.conditions import Condition, References, StoredReferences
from ..features.pitch_classes import PIECE_SECONDS, PitchCache, identity_of, pitch_classes, pitch_classes_in_pieces
from ..features.separation import LOST_DB, Separator


class MelodyConditioner(WaveformConditioner):
    """Argmax chroma of the reference as a prefix `[B, S', D]`, S' fixed by `duration`.

    Args:
        output_dim: width of the language model.
        sample_rate: of the reference, in Hz.
        radix2_exp: the window is `2 ** radix2_exp` samples, the hop a quarter of it.
        duration: of a training excerpt, in seconds.
        device: where to compute.
        cache_path: folder for pitch classes of excerpts; of use where the same excerpts come again (valid, evaluate).
        separate: whether mixes are separated; False takes their chroma directly.
        others: audiocraft's arguments that published configurations have and that mean nothing here
            (`match_len_on_eval`, `eval_wavs`, `n_eval_wavs`).

    Raises:
        ValueError: for chroma that is not the argmax of 12 pitch classes.
    """

    def __init__(
        self, output_dim: int, sample_rate: int, radix2_exp: int, duration: float, device: str, n_chroma: int = 12,
        argmax: bool = True, cache_path: str | None = None, separate: bool = True, **others: Any,
    ) -> None:  # fmt: skip
        if n_chroma != 12 or not argmax:
            raise ValueError(f"Expected the argmax of 12 pitch classes, found n_chroma={n_chroma}, argmax={argmax}.")
        super().__init__(dim=n_chroma, output_dim=output_dim, device=device)
        # Published weights hold this module's window, rounded to 16 bits: it takes them, and `pitch` computes.
        self.chroma = ChromaExtractor(sample_rate=sample_rate, n_chroma=n_chroma, radix2_exp=radix2_exp)
        self.pitch = Chroma(sample_rate, radix2_exp, device)
        self.frames = 1 + int(sample_rate * duration) // self.pitch.hop
        self.cache = PitchCache(Path(cache_path)) if cache_path else None
        self.separator = Separator(device) if separate else None

    @property
    def identity(self) -> str:
        """What decides pitch classes beside the audio."""
        return identity_of(self.pitch, f"{self.separator.sha256} {LOST_DB}" if self.separator else "")

    def pitch_classes_of_item(self, wav: torch.Tensor, one_stem: bool) -> torch.Tensor:
        """Pitch classes `[S]` of a whole item `[1, 1, T]`, -1 where silent."""
        melodic = None if one_stem or self.separator is None else self.separator.melodic
        return pitch_classes_in_pieces(self.pitch, wav, melodic, PIECE_SECONDS)

    @property
    def frame_rate(self) -> float:
        """Frames a second."""
        return self.pitch.frame_rate

    def frames_in(self, samples: int) -> int:
        """Pitch classes that are read from a store for an excerpt: as many as the prefix has, whatever its length."""
        return self.frames

    def _downsampling_factor(self) -> int:
        return self.pitch.hop

    def tokenize(self, x: References) -> References:
        """The references on this module's device."""
        return x.to(self.device)

    def forward(self, x: References) -> Condition:
        """The condition `[B, S', D]` and its mask `[B, S']`, both zero where the reference has no pitch."""
        with torch.no_grad():
            classes = self.classes_of(x)
            frame = torch.arange(self.frames, device=classes.device)
            inside = frame < (x.lengths.to(classes.device) / self.pitch.hop)[:, None]
            mask = (inside & (classes >= 0)).int()
            one_hot = F.one_hot(classes.clamp(min=0), 12).to(self.output_proj.weight)
        return Condition(self.output_proj(one_hot) * mask[..., None], mask)

    def classes_of(self, x: References) -> torch.Tensor:
        """Pitch classes `[B, S']` of the references, -1 where silent or dropped."""
        if isinstance(x, StoredReferences):
            return x.classes
        given = (x.lengths > 0).tolist() if x.wav.shape[-1] > 1 else [False] * len(x.wav)
        dropped = torch.full((self.frames,), -1)
        rows = [
            self.pitch_classes_of(x.wav[index : index + 1], x.one_stem[index]) if there else dropped
            for index, there in enumerate(given)
        ]
        return torch.stack([self._fit(row.to(x.wav.device)) for row in rows])

    def _fit(self, classes: torch.Tensor) -> torch.Tensor:
        """`[S]` cut or filled with silence to `[frames]`."""
        return F.pad(classes[: self.frames], (0, max(0, self.frames - len(classes))), value=-1)

    @torch.no_grad()
    def pitch_classes_of(self, wav: torch.Tensor, one_stem: bool) -> torch.Tensor:
        """Pitch classes `[S]` of audio `[1, 1, T]`, -1 where silent; from the cache if they were computed before.

        In float32, whatever the precision of training: what is kept is found by the audio alone.
        """
        separator = None if one_stem else self.separator
        key = self._key(wav, separator) if self.cache else ""
        if self.cache and (kept := self.cache.get(key)) is not None:
            return kept
        if separator is not None:
            with torch.autocast(wav.device.type, enabled=False):
                wav = separator.melodic(wav, self.pitch.sample_rate)
        classes = pitch_classes(self.pitch, wav)[0]
        if self.cache:
            self.cache.put(key, classes)
        return classes

    def _key(self, wav: torch.Tensor, separator: Separator | None) -> str:
        how = f"{separator.sha256} {LOST_DB}" if separator else ""
        digest = hashlib.sha256(identity_of(self.pitch, how).encode())
        digest.update(wav.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

"""The reference of a Music Orchestrator in transformers: chroma in which silence is a class of its own.

transformers' extractor hears C wherever there is nothing, and repeats a reference that is short. This one marks silent
frames, and all after the end, by the first of 13 classes, as the model was trained. It stands beside the weights, so
that `AutoProcessor.from_pretrained(FOLDER, trust_remote_code=True)` finds it; it needs torch and transformers alone.
"""

from typing import Any

import torch
from transformers import BatchFeature, MusicgenMelodyFeatureExtractor

_VOICED = 10**-4.0  # of the power of the loudest frame: 40 dB below it
_AUDIBLE = 10**-7.0  # mean square: -70 dBFS


class SilentChromaFeatureExtractor(MusicgenMelodyFeatureExtractor):
    """Mono audio to `input_features` `[B, S, 13]`, one-hot: nothing, C, C sharp ... B.

    Args:
        segment_seconds: of the excerpts that the model was trained with; S follows from it.
        others: transformers' own.
    """

    def __init__(self, segment_seconds: float = 30.0, **others: Any) -> None:
        super().__init__(**others)
        self.segment_seconds = segment_seconds

    def __call__(  # type: ignore[override]
        self, audio: Any, sampling_rate: int | None = None, return_tensors: str = "pt", **ignored: Any
    ) -> BatchFeature:
        """Features of `audio`, samples `[T]` or several such.

        What carries the melody: one instrument, or the vocals and others that a separator found in a mix.

        Raises:
            ValueError: for audio of another rate, or that is not mono.
        """
        if sampling_rate not in (None, self.sampling_rate):
            raise ValueError(f"the audio has {sampling_rate} Hz: resample it to {self.sampling_rate} first")
        several = torch.as_tensor(audio[0]).dim() > 0
        waves = [torch.as_tensor(one, dtype=torch.float32) for one in (audio if several else [audio])]
        if any(wave.dim() != 1 for wave in waves):
            raise ValueError("expected mono audio: samples [T], or a list of such")
        features = torch.stack([self._features(wave) for wave in waves])
        return BatchFeature({"input_features": features}, tensor_type=return_tensors)

    def _features(self, wave: torch.Tensor) -> torch.Tensor:
        """`[S, 13]` of samples `[T]`, which silence fills to a segment."""
        samples = int(self.sampling_rate * self.segment_seconds)
        frames, inside = 1 + samples // self.hop_length, -(-max(1, len(wave)) // self.hop_length)
        wave = _centred(torch.nn.functional.pad(wave[:samples], (0, max(0, samples - len(wave)))), self.n_fft)
        heard = super().__call__(wave.numpy(), sampling_rate=self.sampling_rate, return_tensors="pt")
        classes = heard["input_features"][0].argmax(-1)[:frames]
        around = torch.nn.functional.pad(wave, (self.n_fft // 2, self.n_fft // 2))
        power = around.square().unfold(0, self.n_fft, self.hop_length).mean(-1)[: len(classes)]
        voiced = power >= max(_AUDIBLE, _VOICED * float(power.max()))
        found = torch.zeros(frames, dtype=torch.long)
        found[: len(classes)] = (1 + classes) * voiced
        found[inside:] = 0
        return torch.nn.functional.one_hot(found, 13).float()


def _centred(wave: torch.Tensor, least: int) -> torch.Tensor:
    """Samples with silence on both sides, if there are fewer than a window has."""
    short = max(0, least - len(wave))
    return torch.nn.functional.pad(wave, (short // 2, short - short // 2))

"""Chroma of audio in short frames, and which of the frames sound."""

import math
from dataclasses import dataclass
from fractions import Fraction

import torch
from torch.nn import functional

VOICED_DB = 40.0  # a frame this far below the clip's loudest one does not count
SILENCE_DBFS = -70.0  # nor does any frame below this, however quiet the clip
MAX_HOP = 0.064  # seconds: a semiquaver at 234 BPM


@dataclass(frozen=True)
class ChromaFrames:
    """Chroma of B clips in S frames.

    Attributes:
        soft: `[B, S, 12]`, largest value of a frame 1 (0 in digital silence).
        classes: `[B, S]` int64, the strongest pitch class, C = 0; meaningless where not voiced.
        power: `[B, S]`, a frame's mean square.
    """

    soft: torch.Tensor
    classes: torch.Tensor
    power: torch.Tensor

    @property
    def voiced(self) -> torch.Tensor:
        """`[B, S]` bool: the frame's mean square is within 40 dB of the clip's loudest frame."""
        floor = self.power.amax(dim=1, keepdim=True) * 10 ** (-VOICED_DB / 10)
        return self.power >= floor.clamp_min(10 ** (SILENCE_DBFS / 10))


class Chroma:
    """audiocraft's `ChromaExtractor` with windows four hops long.

    Args:
        sample_rate: of the audio, in Hz.
        radix2_exp: the window is `2 ** radix2_exp` samples. By default the longest whose hop is at most 64 ms, so that
            scores at 16 and 32 kHz compare: 256 ms.
        device: where to compute.
    """

    def __init__(self, sample_rate: int, radix2_exp: int | None = None, device: str | torch.device = "cpu"):
        from audiocraft.modules.chroma import ChromaExtractor

        exponent = radix2_exp or window_exponent(sample_rate)
        self.sample_rate = sample_rate
        self.extractor = ChromaExtractor(sample_rate=sample_rate, n_chroma=12, radix2_exp=exponent).to(device)
        self.window: int = self.extractor.winlen
        self.hop: int = self.extractor.winhop
        self.frame_rate = frame_rate_of(sample_rate, exponent)

    def __call__(self, wav: torch.Tensor) -> ChromaFrames:
        """Frames of `wav` `[B, 1, T]`, T > 0; a clip shorter than the window is padded with silence on both sides."""
        short = self.window - wav.shape[-1]
        if short > 0:  # as the extractor does by itself, so that the loudness frames agree with its frames
            wav = functional.pad(wav, (short // 2, short - short // 2))
        with torch.no_grad():
            soft = self.extractor(wav)
        frames = soft.shape[1]
        padded = functional.pad(wav[:, 0], (self.window // 2, self.window // 2))
        power = padded.square().unfold(-1, self.window, self.hop).mean(-1)[:, :frames]
        return ChromaFrames(soft, soft.argmax(dim=-1), power)


def frame_rate_of(sample_rate: int, radix2_exp: int) -> float:
    """Frames a second of chroma whose window is `2 ** radix2_exp` samples, and whose hop a quarter of that."""
    return sample_rate / (2**radix2_exp // 4)


def window_exponent(sample_rate: int) -> int:
    """The largest power of two for a window whose quarter lasts at most 64 ms: 12 at 16 kHz, 13 at 32 kHz."""
    return int(math.log2(4 * MAX_HOP * sample_rate))


def seconds_between_common_frames(*frame_rates: float) -> float:
    """Seconds from one time at which frames of all these rates (Hz) begin to the next; the first is 0."""
    lengths = [1 / Fraction(rate).limit_denominator(1_000_000) for rate in frame_rates]
    return math.lcm(*(one.numerator for one in lengths)) / math.gcd(*(one.denominator for one in lengths))

"""The nano codec's encoder and decoder: they work at the frame rate, on spectra, so that a CPU trains them in minutes.

EnCodec's SEANet (https://arxiv.org/abs/2210.13438) works on samples: at a size that a CPU can train it kept loudness
and timbre but, after half an hour, no pitch. Here the encoder sees spectra, fine in pitch for what is tonal and fine in
time for what is struck, and the decoder drives oscillators at fixed frequencies, three a semitone, and a noise that is
filtered in bands, after DDSP (https://arxiv.org/abs/2001.04643). Pitch is right by construction; the waveform's phase
is not kept, so that waveform losses mean nothing here.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

from ..seams import registry

_KERNEL = 5  # frames that a block mixes
_TONE, _STRIKE = 4096, 512  # windows of the encoder's two spectra
_TONE_BINS = 640  # of 2049: up to 2.5 kHz at 16 kHz


class _Block(nn.Module):
    """A residual block over frames (https://arxiv.org/abs/2201.03545), `[B, D, S]` to the same."""

    def __init__(self, dim: int, kernel: int = _KERNEL) -> None:
        super().__init__()
        self.mix = nn.Conv1d(dim, dim, kernel, padding=kernel // 2, groups=dim)
        self.norm = nn.LayerNorm(dim)
        self.widen, self.narrow = nn.Linear(dim, 3 * dim), nn.Linear(3 * dim, dim)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.mix(x).transpose(1, 2))
        return x + self.narrow(F.gelu(self.widen(y))).transpose(1, 2)


class SpectralEncoder(nn.Module):
    """Audio `[B, 1, T]` to latents `[B, dimension, S]`, a frame every `hop_length` samples.

    Args:
        dimension: of the latents.
        width: of the network.
        blocks: number of residual blocks.
        hop_length: in samples; a multiple of 4.
    """

    def __init__(self, dimension: int, width: int, blocks: int, hop_length: int) -> None:
        super().__init__()
        self.dimension, self.hop_length = dimension, hop_length
        features = _TONE_BINS + 4 * (_STRIKE // 2 + 1)
        self.enter = nn.Conv1d(features, width, 1)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(blocks)))
        self.leave = nn.Conv1d(width, dimension, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.pad(x[:, 0], (0, -x.shape[-1] % self.hop_length))
        tone = _log_spectrum(x, _TONE, self.hop_length)[:, :_TONE_BINS]
        strike = _log_spectrum(x, _STRIKE, self.hop_length // 4)
        strike = strike.unflatten(-1, (-1, 4)).permute(0, 1, 3, 2).flatten(1, 2)  # four short spectra a frame
        return self.leave(self.blocks(self.enter(torch.cat([tone, strike], dim=1))))


def _log_spectrum(x: torch.Tensor, window: int, hop: int) -> torch.Tensor:
    """Log magnitudes `[B, window / 2 + 1, T / hop]` of `x` `[B, T]`, each frame centred on its hop; about -1..1."""
    pad = (window - hop) // 2
    hann = torch.hann_window(window, device=x.device)
    spectrum = torch.stft(F.pad(x, (pad, window - hop - pad)), window, hop, window=hann, center=False,
                          return_complex=True)  # fmt: skip
    return (spectrum.abs() / window * 4 + 1e-4).log() / 4 + 1


class SpectralDecoder(nn.Module):
    """Latents `[B, dimension, S]` to audio `[B, 1, S * hop_length]`: oscillators and filtered noise.

    Args:
        dimension: of the latents.
        width: of the network.
        blocks: number of residual blocks.
        hop_length: in samples; a multiple of 5 and of `tone_steps`.
        sample_rate: in Hz.
        per_semitone: oscillators a semitone.
        tone_steps: how often a frame the oscillators' amplitudes change: attacks are heard no sharper than that.
        bands: of the noise.
    """

    def __init__(
        self, dimension: int, width: int, blocks: int, hop_length: int, sample_rate: int, per_semitone: int,
        tone_steps: int, bands: int,
    ) -> None:  # fmt: skip
        super().__init__()
        self.hop_length = hop_length
        self.enter = nn.Conv1d(dimension, width, 1)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(blocks)))
        self.tones = _Oscillators(width, hop_length, tone_steps, sample_rate, per_semitone)
        self.noise = _Noise(width, hop_length // 5, bands)

    @property
    def context(self) -> int:
        """Frames on each side that a frame's sound depends on."""
        return len(self.blocks) * (_KERNEL // 2) + 2

    def forward(self, z: torch.Tensor, first: int = 0) -> torch.Tensor:
        """The sound of latents that begin with frame `first`: its phases follow from the time."""
        hidden = self.blocks(self.enter(z)).transpose(1, 2)  # [B, S, D]
        length = hidden.shape[1] * self.hop_length
        return (self.tones(hidden, length, first) + self.noise(hidden, length, first))[:, None]


class _Oscillators(nn.Module):
    """Tones of fixed frequencies from A0 on, whose amplitudes follow the latents, `steps` a frame.

    Their phases run on from frame to frame, so that a held amplitude is a pure tone.
    """

    sines: torch.Tensor
    cosines: torch.Tensor

    def __init__(self, width: int, hop_length: int, steps: int, sample_rate: int, per_semitone: int) -> None:
        super().__init__()
        self.steps, self.hop = steps, hop_length // steps
        self.window = 4 * self.hop
        count = int(12 * per_semitone * math.log2(0.49 * sample_rate / 27.5))
        cycles = 27.5 / sample_rate * 2 ** (torch.arange(count, dtype=torch.float64) / (12 * per_semitone))
        self.amplitudes = nn.Linear(width, steps * count)
        nn.init.constant_(self.amplitudes.bias, -7.0)
        offset = torch.rand(count, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
        angle = 2 * math.pi * (cycles[:, None] * torch.arange(self.window) + offset[:, None])
        hann = torch.hann_window(self.window, dtype=torch.float64) / 2  # of four that overlap
        self.cycles = cycles  # no buffer: phases need float64, which a Mac's GPU lacks, and stay on the CPU
        self.register_buffer("sines", (angle.sin() * hann).float(), persistent=False)
        self.register_buffer("cosines", (angle.cos() * hann).float(), persistent=False)

    def forward(self, hidden: torch.Tensor, length: int, first: int = 0) -> torch.Tensor:
        amplitude = (
            self.amplitudes(hidden).unflatten(-1, (self.steps, -1)).flatten(1, 2).clamp(max=2).exp()
        )  # [B, F, N]
        frame = torch.arange(amplitude.shape[1], dtype=torch.float64) + self.steps * first
        turn = 2 * math.pi * (frame[:, None] * self.hop * self.cycles % 1)
        cosine, sine = (wave.float().to(hidden.device) for wave in (turn.cos(), turn.sin()))
        waves = (amplitude * cosine) @ self.sines + (amplitude * sine) @ self.cosines
        return _overlap_add(waves, self.hop, length)


class _Noise(nn.Module):
    """White noise in bands whose loudness follows the latents, five times a frame."""

    shapes: torch.Tensor
    white: torch.Tensor

    def __init__(self, width: int, hop: int, bands: int) -> None:
        super().__init__()
        self.hop, self.window = hop, 4 * hop
        bins = self.window // 2 + 1
        self.loudness = nn.Linear(width, 5 * bands)
        nn.init.constant_(self.loudness.bias, -5.0)
        edges = torch.linspace(0, 1, bands) ** 2 * (bins - 1)  # narrow bands below, wide ones above
        place = (edges[None] - torch.arange(bins)[:, None]).abs()
        width_of = torch.diff(edges, append=edges[-1:] + (edges[-1] - edges[-2])).clamp(min=1)
        shapes = (1 - place / width_of).clamp(min=0)
        self.register_buffer("shapes", shapes / shapes.sum(1, keepdim=True).clamp(min=1e-3), persistent=False)
        turns = torch.rand(997, bins, generator=torch.Generator().manual_seed(1))
        self.register_buffer("white", torch.polar(torch.ones_like(turns), 2 * math.pi * turns), persistent=False)

    def forward(self, hidden: torch.Tensor, length: int, first: int = 0) -> torch.Tensor:
        loudness = self.loudness(hidden).unflatten(-1, (5, -1)).flatten(1, 2).clamp(max=4).exp()  # [B, F, bands]
        frame = (torch.arange(loudness.shape[1], device=hidden.device) + 5 * first) % len(self.white)
        waves = torch.fft.irfft((loudness @ self.shapes.T) * self.white[frame], n=self.window)
        return _overlap_add(waves * torch.hann_window(self.window, device=hidden.device), self.hop, length)


def _overlap_add(waves: torch.Tensor, hop: int, length: int) -> torch.Tensor:
    """Frames `[B, F, W]` added up every `hop` samples, each centred on its hop: `[B, length]`."""
    window = waves.shape[-1]
    total = (waves.shape[1] - 1) * hop + window
    out = F.fold(waves.transpose(1, 2), (1, total), (1, window), stride=(1, hop))[:, 0, 0]
    skip = (window - hop) // 2
    return out[:, skip : skip + length]


def _autoencoder(name: str, cfg: object) -> tuple[nn.Module, nn.Module]:
    if name != "spectral":
        return registry.stock("autoencoder")(name, cfg)
    args = dict(cfg.spectral)  # type: ignore[attr-defined]
    shared = {key: args.pop(key) for key in ("dimension", "hop_length")}
    encoder = SpectralEncoder(width=args.pop("encoder_width"), blocks=args.pop("encoder_blocks"), **shared)
    decoder = SpectralDecoder(width=args.pop("decoder_width"), blocks=args.pop("decoder_blocks"), **shared, **args)
    return encoder, decoder


def register() -> None:
    """Let audiocraft build codecs whose `encodec.autoencoder` is `spectral`."""
    registry.replace("autoencoder", _autoencoder)

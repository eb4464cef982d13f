"""Basic Pitch's network: which notes begin and sound when in two seconds of audio of any instruments.

Architecture: Bittner, Bosch, Rubinstein, Meseguer-Brocal & Ewert, "A lightweight instrument-agnostic model for
polyphonic note transcription and multipitch estimation", https://arxiv.org/abs/2203.09893. The weights (Apache-2.0) are
those of the package basic-pitch 0.4.0, converted once by `convert.py` and shipped in `weights/`; batch normalisations
are folded into the convolutions there.
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional

SAMPLE_RATE, HOP = 22_050, 256
WINDOW = 2 * SAMPLE_RATE - HOP  # samples that the network hears at once
FRAMES, PITCHES, LOWEST = 172, 88, 21  # frames of a window; the piano's keys, MIDI number of the first
_BINS, _OCTAVES, _OCTAVE = 309, 9, 36  # of the constant-Q transform: three bins a semitone
_CONTOURS = 3 * PITCHES
_SHIFTS = (-36, 0, 36, 57, 72, 84, 93, 101)  # bins of half the frequency, itself, and harmonics two to seven


class Posteriors(NamedTuple):
    """How likely at each frame (S of a window, or of a clip) a note begins, sounds, and at which third of a semitone.

    Attributes:
        onsets, notes: `[..., S, 88]`.
        contours: `[..., S, 264]`.
    """

    onsets: torch.Tensor
    notes: torch.Tensor
    contours: torch.Tensor


class BasicPitchNet(nn.Module):
    """From windows `[B, 43844]` at 22,050 Hz to posteriors of 172 frames each."""

    real: torch.Tensor
    imaginary: torch.Tensor
    lowpass: torch.Tensor
    scale: torch.Tensor
    norm: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        shapes = {"real": (_OCTAVE, 1, 256), "imaginary": (_OCTAVE, 1, 256), "lowpass": (1, 1, 256),
                  "scale": (_BINS, 1), "norm": (2,)}  # fmt: skip
        for name, shape in shapes.items():
            self.register_buffer(name, torch.zeros(shape))
        self.contours = nn.Sequential(
            nn.Conv2d(8, 8, (3, 39), padding=(1, 19)), nn.ReLU(), nn.Conv2d(8, 1, 5, padding=2), nn.Sigmoid()
        )
        self.notes = nn.Sequential(
            nn.Conv2d(1, 32, 7, (1, 3), padding=(3, 2)), nn.ReLU(),
            nn.Conv2d(32, 1, (7, 3), padding=(3, 1)), nn.Sigmoid(),
        )  # fmt: skip
        self.attacks = nn.Sequential(nn.Conv2d(8, 32, 5, (1, 3), padding=(2, 1)), nn.ReLU())
        self.onsets = nn.Sequential(nn.Conv2d(33, 1, 3, padding=1), nn.Sigmoid())

    def forward(self, wav: torch.Tensor) -> Posteriors:
        """Posteriors of windows `[B, 43844]`."""
        stacked = _harmonics(self._spectrum(wav))
        contours = self.contours(stacked)
        notes = self.notes(contours)
        onsets = self.onsets(torch.cat([notes, self.attacks(stacked)], dim=1))
        return Posteriors(onsets[:, 0], notes[:, 0], contours[:, 0])

    def _spectrum(self, wav: torch.Tensor) -> torch.Tensor:
        """Log magnitudes `[B, S, 309]`, from each window's least to its greatest."""
        power = self._constant_q(wav[:, None])
        decibels = 10 * torch.log10(power + 1e-10)
        decibels = decibels - decibels.amin((1, 2), keepdim=True)
        greatest = decibels.amax((1, 2), keepdim=True)
        levels = torch.where(greatest == 0, 0.0, decibels / greatest.clamp(min=torch.finfo(wav.dtype).tiny))
        return levels.transpose(1, 2) * self.norm[0] + self.norm[1]

    def _constant_q(self, wav: torch.Tensor) -> torch.Tensor:
        """Squared magnitudes `[B, 309, S]`: one octave's kernels on ever slower audio (Schörkhuber & Klapuri 2010)."""
        kernels = torch.cat([self.real, self.imaginary])
        octaves = []
        for halvings in range(_OCTAVES):
            padded = functional.pad(wav, (128, 128), mode="reflect")
            octaves.append(functional.conv1d(padded, kernels, stride=HOP >> halvings))
            wav = functional.conv1d(functional.pad(wav, (127, 127)), self.lowpass, stride=2)
        halves = zip(*(octave.split(_OCTAVE, 1) for octave in reversed(octaves)), strict=True)
        real, imaginary = (torch.cat(parts, 1)[:, -_BINS:] * self.scale for parts in halves)
        return real.square() + imaginary.square()


def _harmonics(spectrum: torch.Tensor) -> torch.Tensor:
    """Beside each bin what sounds at its harmonics: `[B, S, 309]` to `[B, 8, S, 264]`."""
    channels = [functional.pad(spectrum, (-shift, shift))[..., :_CONTOURS] for shift in _SHIFTS]
    return torch.stack(channels, dim=-1).permute(0, 3, 1, 2)  # laid out as the convolutions want it

"""musicnn's tagger (MTT_musicnn: 50 tags of MagnaTagATune, 0.8 M parameters), run in torch.

Architecture: Pons & Serra, "musicnn: pre-trained convolutional neural networks for music audio tagging",
https://arxiv.org/abs/1909.06654. The weights (ISC licence) are those of the package musicnn 0.1.0, converted once by
`convert.py` and shipped in `weights/`.
Two differences from the package's own extractor, on purpose: the log-mel is float32 (theirs overflows float16 on loud
frames), and clips shorter than one patch are repeated, as in musicnn's training, instead of refused.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import safetensors.numpy

from ..errors import UserError

if TYPE_CHECKING:
    import torch

SAMPLE_RATE = 16_000
N_FFT, HOP, MELS = 512, 256, 96
PATCH_FRAMES = 187  # 3 s
PATCH_SAMPLES = (PATCH_FRAMES - 1) * HOP  # the least that gives one patch
_BATCH = 16  # patches a forward pass: bounds memory at about 150 MB
_EPSILON = 1e-3  # TensorFlow's batch-norm default
WEIGHTS = Path(__file__).parent / "weights" / "mtt_musicnn.safetensors"
# Scores compare only when they come from the same weights.
_SHA256 = "b59358f81e8b33a35b8df5bd22766ba85f6e8975c5fa50e646c68028fa640864"

# The order of the network's outputs (musicnn/configuration.py, MTT_LABELS).
TAGS: tuple[str, ...] = (
    "guitar", "classical", "slow", "techno", "strings", "drums", "electronic", "rock", "fast", "piano",
    "ambient", "beat", "violin", "vocal", "synth", "female", "indian", "opera", "male", "singing",
    "vocals", "no vocals", "harpsichord", "loud", "quiet", "flute", "woman", "male vocal", "no vocal", "pop",
    "soft", "sitar", "solo", "man", "classic", "choir", "voice", "new age", "dance", "male voice",
    "female vocal", "beats", "harp", "cello", "no voice", "weird", "country", "metal", "female voice", "choral",
)  # fmt: skip


@dataclass(frozen=True)
class _Norm:
    """A batch normalisation at inference: `x * scale + shift`, each `[C]`."""

    scale: torch.Tensor
    shift: torch.Tensor


@dataclass(frozen=True)
class _Layer:
    """A convolution or dense layer with ReLU and the batch normalisation that follows it."""

    weight: torch.Tensor
    bias: torch.Tensor
    norm: _Norm


@dataclass(frozen=True)
class Tagger:
    """Tag probabilities of 16 kHz mono audio. Make one with `Tagger.load()`; it is deterministic and has no state.

    Attributes:
        tags: the names of the 50 outputs, in order.
    """

    mel_basis: torch.Tensor  # [MELS, N_FFT // 2 + 1]
    window: torch.Tensor  # [N_FFT]
    input_norm: _Norm
    timbral: tuple[_Layer, ...]
    temporal: tuple[_Layer, ...]
    middle: tuple[_Layer, ...]
    pool_norm: _Norm
    dense: _Layer
    out_weight: torch.Tensor  # [50, 200]
    out_bias: torch.Tensor  # [50]
    tags: tuple[str, ...] = TAGS

    @classmethod
    def load(cls, device: str = "cpu") -> Tagger:
        """Reads the shipped network (about 0.1 s after the imports).

        Raises:
            UserError: its file is missing or damaged.
        """
        import torch
        from librosa.filters import mel

        variables = safetensors.numpy.load(_checked_weights())

        def tensor(name: str) -> torch.Tensor:
            return torch.from_numpy(variables[name].copy()).to(device)  # a copy is aligned, and can be written

        def norm(number: int) -> _Norm:
            name = f"batch_normalization_{number}" if number else "batch_normalization"
            scale = tensor(f"{name}/gamma") / torch.sqrt(tensor(f"{name}/moving_variance") + _EPSILON)
            return _Norm(scale, tensor(f"{name}/beta") - tensor(f"{name}/moving_mean") * scale)

        def conv(number: int, axes: tuple[int, ...]) -> _Layer:
            name = f"conv2d_{number}" if number else "conv2d"
            kernel = tensor(f"{name}/kernel").permute(*axes).contiguous()  # stored [time, frequency, in, out]
            return _Layer(kernel, tensor(f"{name}/bias"), norm(number + 1))

        basis = mel(sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=MELS)
        return cls(
            mel_basis=torch.from_numpy(basis).to(device),
            window=torch.hann_window(N_FFT, device=device),
            input_norm=norm(0),
            timbral=tuple(conv(n, (3, 2, 0, 1)) for n in (0, 1)),
            temporal=tuple(conv(n, (3, 2, 0, 1)) for n in (2, 3, 4)),
            middle=tuple(_as_conv1d(conv(n, (3, 2, 1, 0))) for n in (5, 6, 7)),
            pool_norm=norm(9),
            dense=_Layer(tensor("dense/kernel").T.contiguous(), tensor("dense/bias"), norm(10)),
            out_weight=tensor("dense_1/kernel").T.contiguous(),
            out_bias=tensor("dense_1/bias"),
        )

    def probabilities(self, wav: np.ndarray) -> np.ndarray:
        """Tag probabilities of each 3 s patch: `[patches, 50]` float32, not a distribution (each tag by itself).

        Args:
            wav: `[T]` mono at 16 kHz. Patches do not overlap and what is left over after the last is not heard, as in
                musicnn; less than one patch is repeated to fill it.

        Raises:
            UserError: no samples, or NaN or infinity among them.
        """
        return self._run(self._patches(wav), self._forward)

    def mean_probabilities(self, wavs: Sequence[np.ndarray]) -> np.ndarray:
        """Tag probabilities of clips, averaged over each clip's patches: `[N, 50]` float32.

        Clips may differ in length; patches of all clips share forward passes. Errors as of `probabilities`.
        """
        return self._means(wavs, self._forward, len(self.tags))

    def mean_features(self, wavs: Sequence[np.ndarray]) -> np.ndarray:
        """What the tags are told by, the last hidden layer, averaged over each clip's patches: `[N, 200]` float32.

        Clips and errors are those of `mean_probabilities`.
        """
        return self._means(wavs, self._features, self.out_weight.shape[1])

    def _means(
        self, wavs: Sequence[np.ndarray], hear: Callable[[torch.Tensor], torch.Tensor], width: int
    ) -> np.ndarray:
        patches = [self._patches(wav) for wav in wavs]
        if not patches:
            return np.zeros((0, width), np.float32)
        import torch

        rows = self._run(torch.cat(patches), hear)
        ends = np.cumsum([len(one) for one in patches])[:-1]
        return np.stack([part.mean(axis=0) for part in np.split(rows, ends)])

    def _patches(self, wav: np.ndarray) -> torch.Tensor:
        """Log-mel patches `[patches, 187, 96]`: librosa's melspectrogram, then log10(10000 m + 1)."""
        import torch

        samples = _checked(wav)
        if len(samples) < PATCH_SAMPLES:
            samples = np.resize(samples, PATCH_SAMPLES)
        audio = torch.from_numpy(samples).to(self.window.device)
        spectrum = torch.stft(
            audio, N_FFT, HOP, window=self.window, center=True, pad_mode="constant", return_complex=True
        )
        power = spectrum.real.square() + spectrum.imag.square()
        mel = torch.log10(10_000 * (self.mel_basis @ power) + 1).T
        count = len(mel) // PATCH_FRAMES
        return mel[: count * PATCH_FRAMES].reshape(count, PATCH_FRAMES, MELS)

    def _run(self, patches: torch.Tensor, hear: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
        import torch

        with torch.inference_mode():
            return torch.cat([hear(part) for part in patches.split(_BATCH)]).cpu().numpy()

    def _forward(self, patches: torch.Tensor) -> torch.Tensor:
        """`[B, 187, 96]` to `[B, 50]`."""
        from torch.nn import functional

        return functional.linear(self._features(patches), self.out_weight, self.out_bias).sigmoid()

    def _features(self, patches: torch.Tensor) -> torch.Tensor:
        """`[B, 187, 96]` to `[B, 200]`."""
        import torch
        from torch.nn import functional

        inputs = _apply(self.input_norm, patches[:, None], channel=1)  # [B, 1, T, F]
        front = [_pooled(functional.pad(inputs, (0, 0, 3, 3)), layer) for layer in self.timbral]
        front += [_pooled(_same(inputs, layer), layer) for layer in self.temporal]
        features = [torch.cat(front, dim=1)]  # [B, 561, T]
        for number, layer in enumerate(self.middle):
            hidden = functional.conv1d(features[-1], layer.weight, layer.bias, padding=3).relu()
            hidden = _apply(layer.norm, hidden, channel=1)
            features.append(hidden if number == 0 else hidden + features[-1])  # [B, 64, T]
        stacked = torch.cat(features, dim=1)  # [B, 753, T]
        # Flattening [B, 753, 2] puts a channel's maximum beside its mean.
        pooled = torch.stack((stacked.amax(dim=2), stacked.mean(dim=2)), dim=2).flatten(1)
        pooled = _apply(self.pool_norm, pooled, channel=1)
        hidden = functional.linear(pooled, self.dense.weight, self.dense.bias).relu()
        return _apply(self.dense.norm, hidden, channel=1)


@cache
def shared_tagger() -> Tagger:
    """One tagger for the whole process, on the CPU: loading costs some seconds of imports."""
    return Tagger.load()


def check_installed() -> None:
    """Raises UserError if the network's file is missing or damaged; imports nothing."""
    _checked_weights()


def _checked_weights() -> bytes:
    try:
        content = WEIGHTS.read_bytes()
    except FileNotFoundError as error:
        raise UserError(
            f"{WEIGHTS}, the weights of the music tagger, is missing: install this project again"
        ) from error
    if hashlib.sha256(content).hexdigest() != _SHA256:
        raise UserError(f"{WEIGHTS}: not the weights that are shipped, or damaged: install this project again")
    return content


def _checked(wav: np.ndarray) -> np.ndarray:
    samples = np.ascontiguousarray(wav, dtype=np.float32)
    if samples.ndim != 1 or len(samples) == 0:
        raise UserError(f"cannot tag audio of shape {samples.shape}: expected mono samples at 16 kHz, at least one")
    if not np.isfinite(samples).all():
        raise UserError("cannot tag audio that holds NaN or infinite samples: repair or leave out this file")
    return samples


def _as_conv1d(layer: _Layer) -> _Layer:
    """The middle layers' kernels span all features: `[out, 1, features, time]` to `[out, features, time]`."""
    return _Layer(layer.weight.squeeze(1), layer.bias, layer.norm)


def _apply(norm: _Norm, x: torch.Tensor, channel: int) -> torch.Tensor:
    shape = [1] * x.dim()
    shape[channel] = -1
    return x * norm.scale.view(shape) + norm.shift.view(shape)


def _same(inputs: torch.Tensor, layer: _Layer) -> torch.Tensor:
    """Pads time so that the output is as long as the input; an even kernel's padding is smaller before than after."""
    from torch.nn import functional

    total = layer.weight.shape[2] - 1
    return functional.pad(inputs, (0, 0, total // 2, total - total // 2))


def _pooled(inputs: torch.Tensor, layer: _Layer) -> torch.Tensor:
    """Convolution, ReLU, batch norm, maximum over frequency: `[B, 1, T, F]` to `[B, C, T]`.

    ReLU and the norm are monotonic in each channel, so they can follow the pooling (where the norm's scale is negative,
    of the minimum); this saves two passes over the largest tensor.
    """
    import torch
    from torch.nn import functional

    convolved = functional.conv2d(inputs, layer.weight, layer.bias)
    rising = (layer.norm.scale >= 0)[None, :, None]
    return _apply(layer.norm, torch.where(rising, convolved.amax(dim=3), convolved.amin(dim=3)).relu(), channel=1)

"""A recogniser of Slakh's 34 classes of instruments, small enough to ship: which of them sound in a clip?

A log-mel spectrogram and five convolutions, trained on stems and on sums of them, as recorded and through the codec
(`workflows/recogniser_training.py`). What it reaches on works that no training saw is in its package's card.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torchaudio.functional import melscale_fbanks

from dataset_builder.errors import UserError
from dataset_builder.music.instruments import CLASSES
from dataset_builder.runtime.checksums import digest_of
from dataset_builder.runtime.untrusted import parse_json, read_regular, shown

from .clips import is_silent

SAMPLE_RATE, HOP, N_FFT, MELS = 16_000, 320, 1024, 96
LEAST_SECONDS = 1.0  # a shorter clip is repeated
SHIPPED = Path(__file__).parent.parent / "pretrained/recogniser"
WEIGHTS, CARD = "model.safetensors", "card.json"
_CHANNELS = (1, 32, 64, 96, 128, 192)
_LARGEST_CARD, _LARGEST_WEIGHTS = 1 << 20, 1 << 24  # bytes
_BATCH = 16  # clips a pass


class RecogniserNet(nn.Module):
    """From audio `[B, T]` at 16 kHz to logits `[B, 34]`, in the order of `CLASSES`."""

    window: torch.Tensor
    filters: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("window", torch.hann_window(N_FFT), persistent=False)
        filters = melscale_fbanks(N_FFT // 2 + 1, 30.0, SAMPLE_RATE / 2, MELS, SAMPLE_RATE)
        self.register_buffer("filters", filters.T.contiguous(), persistent=False)
        self.scale = nn.BatchNorm1d(MELS)
        self.convolutions = nn.Sequential(*(_block(narrow, wide) for narrow, wide in pairwise(_CHANNELS)))
        self.classify = nn.Sequential(nn.Dropout(0.3), nn.Linear(2 * _CHANNELS[-1], len(CLASSES)))

    def forward(self, wav: torch.Tensor) -> torch.Tensor:
        """Logits `[B, 34]`."""
        logits: torch.Tensor = self.classify(self.features(wav))
        return logits

    def features(self, wav: torch.Tensor) -> torch.Tensor:
        """What the classes are told by `[B, 384]`."""
        wav = wav / (wav.pow(2).mean(-1, keepdim=True).sqrt() + 1e-4)  # how loud it is tells no instrument
        spectrum = torch.stft(wav, N_FFT, HOP, window=self.window, return_complex=True).abs()
        mel = self.scale((self.filters @ spectrum + 1e-3).log())
        found = self.convolutions(mel[:, None]).mean(2)  # [B, C, S]
        return torch.cat([found.mean(-1), found.amax(-1)], dim=-1)


def _block(narrow: int, wide: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(narrow, wide, 3, padding=1, bias=False), nn.BatchNorm2d(wide), nn.ReLU(), nn.AvgPool2d(2)
    )


@dataclass(frozen=True)
class Recogniser:
    """A trained network.

    Attributes:
        net: in evaluation mode.
        card: what is known of it.
        sha256: of its weights.
    """

    net: RecogniserNet
    card: dict[str, Any]
    sha256: str

    def probabilities(self, wavs: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
        """How sure it is of each class `[B, 34]` in mono clips `[T]` of any length; NaN for a silent clip.

        Args:
            wavs: the clips.
            sample_rate: of all, in Hz.
        """
        return self._heard(wavs, sample_rate, len(CLASSES), lambda batch: self.net(batch).sigmoid())

    def features(self, wavs: Sequence[np.ndarray], sample_rate: int) -> np.ndarray:
        """What it tells the classes by `[B, 384]`: arguments and silent clips as of `probabilities`."""
        return self._heard(wavs, sample_rate, 2 * _CHANNELS[-1], self.net.features)

    @torch.no_grad()
    def _heard(
        self, wavs: Sequence[np.ndarray], sample_rate: int, width: int, hear: Callable[[torch.Tensor], torch.Tensor]
    ) -> np.ndarray:
        """What `hear` makes of batches `[B, T]` at 16 kHz: `[N, width]` float64."""
        clips = [soxr.resample(np.asarray(wav, np.float32), sample_rate, SAMPLE_RATE) for wav in wavs]
        found = np.full((len(clips), width), np.nan)
        by_length: dict[int, list[int]] = {}
        for place, clip in enumerate(clips):
            if not is_silent(clip):
                clips[place] = _long_enough(clip)
                by_length.setdefault(len(clips[place]), []).append(place)
        for places in by_length.values():  # no padding: neighbours in a batch change nothing
            for begin in range(0, len(places), _BATCH):
                chosen = places[begin : begin + _BATCH]
                batch = torch.from_numpy(np.stack([clips[place] for place in chosen])).to(self.net.window.device)
                found[chosen] = hear(batch).cpu().double().numpy()
        return found

    def provenance(self) -> dict[str, str]:
        """What decides what is heard: the weights, and the card with its thresholds and groups."""
        card = hashlib.sha256(json.dumps(self.card, sort_keys=True).encode()).hexdigest()
        return {"file": WEIGHTS, "sha256": self.sha256, "sha256 of card": card}

    @classmethod
    def load(cls, folder: Path = SHIPPED) -> "Recogniser":
        """The shipped one, or one of another folder; nothing is unpickled.

        Raises:
            UserError: if it is missing or torn.
        """
        try:
            card = _checked(parse_json(read_regular(folder / CARD, _LARGEST_CARD)))
            if (folder / WEIGHTS).stat().st_size > _LARGEST_WEIGHTS:
                raise ValueError(f"{WEIGHTS} has more than {_LARGEST_WEIGHTS} bytes")
            digest = digest_of(folder / WEIGHTS)
            if digest != card["sha256"]:
                raise ValueError("its hash is not the recorded one")
            net = RecogniserNet()
            net.load_state_dict({name: value.float() for name, value in load_file(folder / WEIGHTS).items()})
        except (
            OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, SafetensorError,
        ) as error:  # fmt: skip
            reason = " ".join(str(error).split())[:200]
            raise UserError(
                f"{folder} holds no recogniser of instruments ({reason}): see `orchestrator retrain --only recogniser`"
            ) from error
        return cls(net.eval(), card, digest)


def _checked(card: Any) -> dict[str, Any]:
    """A card, of which what is computed with is what it should be.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: if not.
    """
    taught, thresholds = card["trained on"], card["threshold"]
    if not taught or not set(taught) <= set(CLASSES) or not all(type(count) is int for count in taught.values()):
        raise ValueError(f"trained on is {shown(taught)}: expected a count for some of the classes")
    if set(thresholds) != set(CLASSES) or not all(type(one) is float and 0 <= one <= 1 for one in thresholds.values()):
        raise ValueError(f"threshold is {shown(thresholds)}: expected a probability for each class")
    groups, of_groups = card["groups"], card["threshold of groups"]
    if len(of_groups) != len(groups) or not all(type(one) is float and 0 <= one <= 1 for one in of_groups):
        raise ValueError(f"threshold of groups is {shown(of_groups)}: expected a probability for each group")
    named = [name for group in groups for name in group]
    if not all(groups) or len(named) != len(set(named)) or not set(named) <= set(CLASSES):
        raise ValueError(f"groups is {shown(groups)}: expected some of the classes, each in one group")
    return dict(card)


@cache
def shipped_recogniser() -> Recogniser:
    """The shipped one, loaded once.

    Raises:
        UserError: as `Recogniser.load`.
    """
    return Recogniser.load()


def _long_enough(clip: np.ndarray) -> np.ndarray:
    return np.tile(clip, -(-round(LEAST_SECONDS * SAMPLE_RATE) // len(clip))) if len(clip) < SAMPLE_RATE else clip

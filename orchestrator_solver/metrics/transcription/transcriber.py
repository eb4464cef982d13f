"""From a clip to its notes: windows through the network, laid side by side, decoded."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import numpy as np
import safetensors.torch
import soxr
import torch

from dataset_builder.errors import UserError

from ..clips import Notes, is_silent
from .decoding import Span, decode
from .network import FRAMES, HOP, LOWEST, SAMPLE_RATE, WINDOW, BasicPitchNet, Posteriors

WEIGHTS = Path(__file__).parent / "weights/basic_pitch.safetensors"
# Scores compare only when they come from the same weights.
_SHA256 = "b35c0f95895ef059cb7260831409cc69a97abdfac4153b835e4b86dcb8b9778e"
_EDGE = 15  # frames at both ends of a window that are not used: they are in its neighbours' middle
_STEP = WINDOW - 2 * _EDGE * HOP  # samples from window to window
_KEPT = FRAMES - 2 * _EDGE
_BATCH = 16  # windows a pass


@dataclass(frozen=True)
class Transcriber:
    """Hears notes of any instruments. Make one with `Transcriber.load()`; it is deterministic.

    Attributes:
        net: in evaluation mode, on any device.
        heard: notes of the last clips by rate and content: three scores ask for the same takes, every row of a table
            for the same references.
        remembered: how many clips these are.
    """

    net: BasicPitchNet
    heard: dict[tuple[int, bytes], Notes] = field(default_factory=dict)
    remembered: int = 2000  # about 5 MB

    @classmethod
    def load(cls, device: str = "cpu") -> "Transcriber":
        """Reads the shipped network.

        Raises:
            UserError: its file is missing or damaged.
        """
        net = BasicPitchNet()
        net.load_state_dict(safetensors.torch.load(_checked_weights()))
        net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # half the time on CPUs
        return cls(net.eval().to(device))

    def notes(self, wavs: Sequence[np.ndarray], sample_rate: int) -> list[Notes]:
        """The notes of mono clips `[T]` of any length; none in a silent clip.

        Args:
            wavs: the clips; each is heard by itself, so that its neighbours change nothing.
            sample_rate: of all, in Hz.
        """
        return [self._remembered(np.asarray(wav, np.float32), sample_rate) for wav in wavs]

    def _remembered(self, wav: np.ndarray, sample_rate: int) -> Notes:
        key = sample_rate, hashlib.sha256(wav.tobytes()).digest()
        if key not in self.heard:
            self.heard[key] = self._notes(soxr.resample(wav, sample_rate, SAMPLE_RATE))
        if len(self.heard) > self.remembered:
            del self.heard[next(iter(self.heard))]
        return self.heard[key]

    def _notes(self, wav: np.ndarray) -> Notes:
        if is_silent(wav):
            return _as_notes([], np.zeros(0))
        heard = self.posteriors(wav)
        return _as_notes(decode(heard.onsets.numpy(), heard.notes.numpy()), frame_times(len(wav)))

    @torch.inference_mode()
    def posteriors(self, wav: np.ndarray) -> Posteriors:
        """What the network says of a clip `[T]` at 22,050 Hz, on the CPU; S frames at `frame_times(T)`."""
        count = max(-(-len(wav) // _STEP), 1)
        padded = np.zeros((count - 1) * _STEP + WINDOW, np.float32)
        kept = min(len(wav), len(padded) - _EDGE * HOP)
        padded[_EDGE * HOP : _EDGE * HOP + kept] = wav[:kept]
        windows = torch.from_numpy(padded).unfold(0, WINDOW, _STEP)
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):  # it would cost three of seven digits
            passes = [self.net(part.to(self.net.scale.device)) for part in windows.split(_BATCH)]
        frames = len(frame_times(len(wav)))
        return Posteriors(*(
            torch.cat(parts)[:, _EDGE:-_EDGE].flatten(0, 1)[:frames].cpu() for parts in zip(*passes, strict=True)
        ))  # fmt: skip


def frame_times(samples: int) -> np.ndarray:
    """When the frames of a clip are, in seconds `[S]`; `samples` at 22,050 Hz.

    The package takes all frames for equally far apart, and corrects what that costs at windows' ends by a constant;
    this is where they are.
    """
    windows = np.arange(-(-samples // _STEP))[:, None] * _STEP
    times = (windows + np.arange(_KEPT) * HOP).ravel()
    return times[times < samples] / SAMPLE_RATE


def _as_notes(spans: Sequence[Span], times: np.ndarray) -> Notes:
    begins, ends, pitches = np.array(sorted(spans), dtype=np.int64).reshape(-1, 3).T
    return Notes(times[begins], times[ends], pitches + LOWEST)


@cache
def shared_transcriber() -> Transcriber:
    """One for the whole process, on the CPU.

    Raises:
        UserError: as `Transcriber.load`.
    """
    return Transcriber.load()


def _checked_weights() -> bytes:
    try:
        content = WEIGHTS.read_bytes()
    except FileNotFoundError as error:
        raise UserError(f"{WEIGHTS}, the weights of the transcriber, is missing: install this project again") from error
    if hashlib.sha256(content).hexdigest() != _SHA256:
        raise UserError(f"{WEIGHTS}: not the weights that are shipped, or damaged: install this project again")
    return content

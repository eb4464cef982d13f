"""The pitch class of every frame of a reference: of an excerpt, of a whole item in pieces, or kept on disk."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from dataset_builder.runtime import atomic
from dataset_builder.runtime.untrusted import read_regular

from .chroma import SILENCE_DBFS, VOICED_DB, Chroma, ChromaFrames

Melodic = Callable[[torch.Tensor, int], torch.Tensor]
PIECE_SECONDS = 60.0  # of a whole item at once
_HEADER, _LARGEST = 128, 1 << 24  # bytes of a file that numpy writes of a list of bytes: of its header, of all of it
_MARGIN_HOPS = 16  # four windows: more than any frame sees


def pitch_classes(chroma: Chroma, wav: torch.Tensor) -> torch.Tensor:
    """Pitch class of each frame of `wav` `[B, 1, T]`, or -1 where silent: int64 `[B, S']`.

    The argmax of an all-zero chroma frame is C: only what is voiced tells it from a C that sounds. In float32 whatever
    the training's precision: loud spectra overflow in 16 bits.
    """
    with torch.autocast(wav.device.type, enabled=False):
        return _heard(chroma(wav.float()))


def _heard(frames: ChromaFrames) -> torch.Tensor:
    return torch.where(frames.voiced, frames.classes, torch.full_like(frames.classes, -1))


def pitch_classes_in_pieces(chroma: Chroma, wav: torch.Tensor, melodic: Melodic | None, seconds: float) -> torch.Tensor:
    """The pitch class of each frame of a whole item `[S']`, -1 where silent, in memory that its length does not change.

    Each piece is computed with what is around it, and what is silent is judged by the whole. Without `melodic` the
    frames are those of `pitch_classes` of the whole; separation depends a little on where its own pieces lie, and on
    the precision of the autocast around it, which chroma does not.

    Args:
        chroma: what computes frames.
        wav: of the item `[1, 1, T]`.
        melodic: separates what carries the melody `[1, 1, T]` of a piece; None for what carries it alone.
        seconds: of a piece.
    """
    hop, margin = chroma.hop, _MARGIN_HOPS * chroma.hop
    piece = max(1, round(seconds * chroma.sample_rate / hop)) * hop
    classes, powers = [], []
    for start in range(0, wav.shape[-1], piece):
        first = max(0, start - margin)
        part = wav[..., first : start + piece + margin].float()
        part = melodic(part, chroma.sample_rate) if melodic else part
        with torch.autocast(wav.device.type, enabled=False):
            frames = chroma(part)
        last = start + piece >= wav.shape[-1]
        here = slice((start - first) // hop, None if last else (start - first + piece) // hop)
        classes.append(frames.classes[:, here])
        powers.append(frames.power[:, here])
    whole = torch.cat(classes, 1)
    return _heard(ChromaFrames(whole[..., None], whole, torch.cat(powers, 1)))[0]


def identity_of(chroma: Chroma, separator: str = "") -> str:
    """What decides pitch classes beside the audio: the chroma's settings, and how mixes are separated."""
    return f"{chroma.sample_rate} {chroma.window} {VOICED_DB} {SILENCE_DBFS} {separator}"


class PitchCache:
    """Pitch classes of excerpts on disk, by a hash of the samples and of all settings.

    Args:
        folder: where; files in it may be deleted at any time.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def get(self, key: str) -> torch.Tensor | None:
        """Pitch classes `[S]`, None if there are none, or they are torn."""
        try:
            data = read_regular(self._path(key), _LARGEST)
        except (OSError, ValueError):
            return None
        classes = np.frombuffer(data[_HEADER:], np.int8)
        known = bool(((classes >= -1) & (classes < 12)).all())
        return torch.from_numpy(classes.astype(np.int64)) if known and data == _saved(classes) else None

    def put(self, key: str, classes: torch.Tensor) -> None:
        """Keep the pitch classes `[S]`."""
        atomic.write_bytes(self._path(key), _saved(classes.cpu().numpy().astype(np.int8)))

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / f"{key}.npy"


def _saved(classes: np.ndarray) -> bytes:
    """The bytes of a file of pitch classes: numpy's own reader would fall over many others that are torn."""
    file = io.BytesIO()
    np.save(file, classes, allow_pickle=False)
    return file.getvalue()

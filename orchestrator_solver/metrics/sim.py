"""SIM: how far generated audio keeps the melody and harmony of its reference, frame by frame.

The paper's SIM is audiocraft's `chroma_cosine`: the cosine of one-hot argmax chroma, which is 1 where the strongest
pitch class agrees and 0 elsewhere, over all frames. There a silent frame counts as a C, so that silence against silence
scores 1; `audiocraft_sim` is that measure, to compare with published figures. `sim` takes the frames in which the
reference sounds, and silence never agrees with sound.
"""

import math

import numpy as np
import torch

from ..features.chroma import Chroma, ChromaFrames
from .clips import Clips, require_numbers


def sim(generated: torch.Tensor, reference: torch.Tensor, chroma: Chroma) -> torch.Tensor:
    """Share of the reference's voiced frames whose strongest pitch class is the same in the generated audio.

    Args:
        generated: `[B, 1, T]`; a frame in which it is silent counts as disagreement.
        reference: `[B, 1, T']`; the longer of the two is cut to the shorter.
        chroma: for the sample rate of both.

    Returns:
        `[B]` float64 in 0 to 1, NaN where the reference is silent. Chance is about 1/12, more within one key.
    """
    ours, theirs = _frames(generated, reference, chroma)
    return _mean((ours.classes == theirs.classes).double() * ours.voiced, theirs.voiced)


def soft_sim(generated: torch.Tensor, reference: torch.Tensor, chroma: Chroma) -> torch.Tensor:
    """Mean cosine of whole chroma vectors over the reference's voiced frames `[B]`, which is forgiving of chords.

    Audio is given as to `sim`; a frame in which the generated audio is silent counts 0.
    """
    ours, theirs = _frames(generated, reference, chroma)
    cosine = torch.nn.functional.cosine_similarity(ours.soft.double(), theirs.soft.double(), dim=-1)
    return _mean(cosine * ours.voiced, theirs.voiced)


def audiocraft_sim(generated: torch.Tensor, reference: torch.Tensor, chroma: Chroma) -> torch.Tensor:
    """audiocraft's `ChromaCosineSimilarityMetric` by clip `[B]`: all frames but one centred on the very end.

    Audio is given as to `sim`; silence is taken for a C, and no audio at all has NaN. audiocraft itself has one number
    for all clips, the mean over their frames: that of clips of one length is the mean of these.
    """
    ours, theirs = _frames(generated, reference, chroma)
    length = min(generated.shape[-1], reference.shape[-1])
    agree = ours.classes == theirs.classes
    return agree[:, : math.ceil(length / chroma.hop)].double().mean(dim=1)


def _frames(generated: torch.Tensor, reference: torch.Tensor, chroma: Chroma) -> tuple[ChromaFrames, ChromaFrames]:
    length = min(generated.shape[-1], reference.shape[-1])
    return chroma(generated[..., :length]), chroma(reference[..., :length])


def _mean(score: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Mean of `score` `[B, S]` where `mask`; 0 / 0 gives the NaN that says the reference was silent."""
    return (score * mask).sum(dim=1) / mask.sum(dim=1)


AUDIOCRAFTS = "SIM (audiocraft)"
AUDIOCRAFTS_WINDOW = 14  # as a power of two, at every rate: `metrics.chroma_cosine` of audiocraft's solver/musicgen
MEASURES = {"SIM": sim, "SIM (soft)": soft_sim, AUDIOCRAFTS: audiocraft_sim}


class Sim:
    """`sim` (or another function of this module) as a `ClipMetric`: against the reference, not the target."""

    higher_is_better = True

    def __init__(self, label: str = "SIM"):
        self.label = label
        self.measure = MEASURES[label]

    def __call__(self, clips: Clips) -> np.ndarray:
        require_numbers(clips.generated, "the generated audio")
        require_numbers(clips.references, "the references")
        chroma = Chroma(clips.sample_rate, AUDIOCRAFTS_WINDOW if self.label == AUDIOCRAFTS else None)
        pairs = zip(clips.generated, clips.references, strict=True)
        return np.array([self.measure(_batch(ours), _batch(theirs), chroma).item() for ours, theirs in pairs])


def _batch(wav: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(wav, dtype=np.float32))[None, None]

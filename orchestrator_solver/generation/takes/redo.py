"""A stretch of a take played anew, the rest left as it is."""

import numpy as np
import torch

from dataset_builder.errors import UserError

from ...decoding.sound import in_pieces
from ..model import OrchestratorModel
from ..recordings import Recording
from ..request import Request
from ..sampling import SamplingSettings

FADE = 0.04  # seconds on each side, within the stretch, in which old and new are mixed
LEAST = 0.5  # seconds of a stretch


def redone(
    model: OrchestratorModel, take: Recording, request: Request, stretch: tuple[float, float],
    sampling: SamplingSettings,
) -> Recording:  # fmt: skip
    """A take with a stretch made anew; outside it, sample for sample what it was.

    What is before the stretch is what the model goes on from. What follows is not known to it: a note that is held
    across the end may be struck anew there. The record says what was made anew; its scores are to be heard again.

    Args:
        model: that played it, or another one of the same codec.
        take: at the model's rate.
        request: what the take was asked for.
        stretch: from when to when, in seconds.
        sampling: how it is drawn; with another seed than the take's.

    Raises:
        UserError: if the stretch is not inside the take, or shorter than half a second, or the rates differ.
    """
    start, end = stretch
    rate, seconds = model.sample_rate, len(take.wav) / take.sample_rate
    if take.sample_rate != rate:
        raise UserError(f"the take has {take.sample_rate} Hz, {model.name} plays {rate}: use the model that played it")
    if not 0 <= start < end <= seconds + 1e-3 or end - start < LEAST:
        raise UserError(f"{start:g} to {end:g} s: expected at least {LEAST:g} s inside the take's {seconds:.1f}")
    begin, finish = int(start * rate), min(len(take.wav), int(end * rate))
    anew = _played_anew(model, take.wav, request, (begin, finish), sampling)
    changes = [*take.record.get("redone", []), {"from": start, "to": end, "seed": sampling.seed}]
    wav = _blended(take.wav, anew, begin, finish, round(FADE * rate))
    return Recording(wav, rate, {**take.record, "redone": changes, "scores": {}})


def _played_anew(
    model: OrchestratorModel, wav: np.ndarray, request: Request, stretch: tuple[int, int], sampling: SamplingSettings
) -> np.ndarray:
    """The take `[T]` through the codec, with other codes in the frames of a stretch of samples."""
    with torch.no_grad():
        codes, _ = model.codec.encode(torch.from_numpy(wav)[None, None].to(model.placement.device))
    hop = round(model.sample_rate / model.codec.frame_rate)
    first, last = stretch[0] // hop, min(codes.shape[-1], -(-stretch[1] // hop))
    before, after = codes[..., :first], codes[..., last:]
    new = model.continued([request.prompt], [request.reference], before, last, sampling, [sampling.seed])
    changed = torch.cat([before, *new, after], dim=-1)
    return torch.cat(list(in_pieces(model.codec, iter([changed]))), dim=-1)[0, 0].float().cpu().numpy()[: len(wav)]


def _blended(old: np.ndarray, new: np.ndarray, start: int, end: int, fade: int) -> np.ndarray:
    """`old` with `new` between two samples, faded in and out within them."""
    share = np.zeros(len(old), np.float32)
    share[start:end] = 1.0
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    if start > 0:
        share[start : start + fade] = ramp
    if end < len(old):
        share[end - fade : end] = ramp[::-1]
    padded = np.pad(new, (0, len(old) - len(new)))
    return np.where(share > 0, old * (1 - share) + padded * share, old).astype(np.float32)

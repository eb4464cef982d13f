"""Captions on disk by the sound they are of: the same audio is never captioned twice."""

import hashlib
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import cache
from pathlib import Path

import numpy as np

from ...llm.answer_cache import unusable
from ...runtime import atomic
from ...runtime.untrusted import parse_json, read_regular
from ...runtime.user_cache import VARIABLE, cache_folder, can_keep, require_keeping
from .captioner import Caption

logger = logging.getLogger(__name__)
FOLDER = cache_folder("captions")
_LARGEST = 1 << 20  # bytes of a caption and its tags


def cached_captions(
    who: str, wavs: Sequence[np.ndarray], sample_rate: int, ask: Callable[[list[np.ndarray]], list[Caption]]
) -> list[Caption]:
    """The captions of clips: kept ones, and for the others what `ask` returns, which is kept where that can be.

    For captioners that cost nothing but time: where the folder cannot be written, that is said and they go on.

    Args:
        who: captioner, model, question and sampling: what decides a caption beside the sound.
        wavs: mono `[T]` each.
        sample_rate: in Hz.
        ask: called with the clips that have none, or whose file is torn.
    """
    names = [name_of(who, wav, sample_rate) for wav in wavs]
    found = [find(name) for name in names]
    missing = [index for index, caption in enumerate(found) if caption is None]
    new = ask([wavs[index] for index in missing]) if missing else []
    keeps = not missing or can_keep(FOLDER) or _say_unkept(FOLDER)
    for index, caption in zip(missing, new, strict=True):
        if keeps:
            keep(names[index], who, caption)
        found[index] = caption
    return [caption for caption in found if caption is not None]


@cache
def _say_unkept(folder: Path) -> bool:
    """Say once that captions are not kept; returns whether they are."""
    logger.warning("%s cannot be written: captions are not kept for a next time (%s names another)", folder, VARIABLE)
    return False


def require_paid_ones_kept() -> None:
    """Stop before a caption is paid for that could not be kept.

    Raises:
        UserError: if the folder cannot be written.
    """
    require_keeping(FOLDER)


def name_of(who: str, wav: np.ndarray, sample_rate: int) -> str:
    """The name by which the caption of a clip `[T]` is kept."""
    digest = hashlib.sha256(f"{who}\n{sample_rate}\n".encode())
    digest.update(np.ascontiguousarray(wav, dtype=np.float32).tobytes())
    return digest.hexdigest()[:40]


def find(name: str) -> Caption | None:
    """The kept caption of this name; None if there is none, or it is torn or of no use."""
    try:
        values = parse_json(read_regular(_path(name), _LARGEST))
        caption = Caption(str(values["text"]), {str(tag): float(p) for tag, p in values["tags"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError):
        return None
    return None if unusable(caption.text) else caption


def keep(name: str, who: str, caption: Caption) -> None:
    """Keep a caption by this name; `who` is for those who look into the file."""
    atomic.write_json(_path(name), {"who": who, **asdict(caption)})


def _path(name: str) -> Path:
    return FOLDER / name[:2] / f"{name}.json"

"""Captions on disk by the sound they are of: the same audio is never heard twice."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np

from . import atomic
from .caches import cache_folder
from .captions import Caption

FOLDER = cache_folder("captions")


def kept_captions(
    who: str, wavs: Sequence[np.ndarray], sample_rate: int, ask: Callable[[list[np.ndarray]], list[Caption]]
) -> list[Caption]:
    """The captions of clips: kept ones, and for the others what `ask` returns, which is kept.

    Args:
        who: captioner, model and question: what decides a caption beside the sound.
        wavs: mono `[T]` each.
        sample_rate: in Hz.
        ask: called with the clips that have none, or whose file is torn.
    """
    paths = [_path(who, wav, sample_rate) for wav in wavs]
    found = {path: caption for path in paths if (caption := _read(path))}
    missing = {path: wav for path, wav in zip(paths, wavs, strict=True) if path not in found}
    if missing:
        for path, caption in zip(missing, ask(list(missing.values())), strict=True):
            atomic.write_json(path, {"who": who, **asdict(caption)})
            found[path] = caption
    return [found[path] for path in paths]


def kept_caption(who: str, wav: np.ndarray, sample_rate: int, ask: Callable[[], str]) -> str:
    """The same for one clip and a captioner that gives words alone."""
    return kept_captions(who, [wav], sample_rate, lambda _: [Caption(" ".join(ask().split()), {})])[0].text


def _path(who: str, wav: np.ndarray, sample_rate: int) -> Path:
    digest = hashlib.sha256(f"{who}\n{sample_rate}\n".encode())
    digest.update(np.ascontiguousarray(wav, dtype=np.float32).tobytes())
    name = digest.hexdigest()[:40]
    return FOLDER / name[:2] / f"{name}.json"


def _read(path: Path) -> Caption | None:
    try:
        values = json.loads(path.read_text())
        return Caption(str(values["text"]), {str(tag): float(p) for tag, p in values["tags"].items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None

"""Captions that were paid for, on disk by the sound they are of: the same audio is never heard twice."""

import hashlib
import json
from collections.abc import Callable

import numpy as np
import platformdirs

from . import atomic

FOLDER = platformdirs.user_cache_path("music-orchestrator") / "captions"


def kept_caption(who: str, wav: np.ndarray, sample_rate: int, ask: Callable[[], str]) -> str:
    """The caption of a clip: the kept one, or else what `ask` returns, which is kept.

    Args:
        who: captioner, model and question: what decides the caption beside the sound.
        wav: mono `[T]`.
        sample_rate: in Hz.
        ask: called if there is none, or its file is torn.
    """
    digest = hashlib.sha256(f"{who}\n{sample_rate}\n".encode())
    digest.update(np.ascontiguousarray(wav, dtype=np.float32).tobytes())
    name = digest.hexdigest()[:40]
    path = FOLDER / name[:2] / f"{name}.json"
    try:
        return str(json.loads(path.read_text())["caption"])
    except (OSError, ValueError, KeyError, TypeError):
        text = " ".join(ask().split())
        atomic.write_json(path, {"who": who, "caption": text})
        return text

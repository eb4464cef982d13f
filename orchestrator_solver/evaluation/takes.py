"""What models played for the table, kept: another metric or interval costs no playing."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic

from ..generation.model import OrchestratorModel
from ..generation.recordings import within_scale
from ..generation.request import Request
from ..generation.sampling import SamplingSettings


def name_of(
    model: OrchestratorModel, request: Request, sampling: SamplingSettings, seed: int, seconds: float
) -> str:  # fmt: skip
    """SHA-256 of everything that decides a take: weights, prompt, reference's samples, settings, device and seed."""
    settings = {name: value for name, value in asdict(model.resolved(sampling)).items() if name != "seed"}
    wav = np.ascontiguousarray(request.reference.at(model.sample_rate), dtype=np.float32)
    asked: Mapping[str, Any] = {
        "model": model.sha256, "codec": model.codec_sha256, "prompt": request.prompt,
        "reference": hashlib.sha256(wav.tobytes()).hexdigest(), "one stem": request.reference.one_stem,
        "settings": settings, "seconds": seconds, "seed": seed, "kind of device": model.placement.device.type,
        "precision": str(model.placement.precision),
    }  # fmt: skip
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Takes:
    """A folder of takes, as FLAC: they are scored as a listener gets them, within full scale and in 16 bit."""

    folder: Path

    def path(self, name: str) -> Path:
        """Where the take of this name is or would be."""
        return self.folder / name[:2] / f"{name}.flac"

    def keep(self, name: str, wav: np.ndarray, sample_rate: int) -> None:
        """Write a take `[T]`, whole or not at all."""
        audio = BytesIO()
        soundfile.write(audio, within_scale(wav), sample_rate, subtype="PCM_16", format="FLAC")
        atomic.write_bytes(self.path(name), audio.getvalue())

    def read(self, names: Sequence[str]) -> list[np.ndarray] | None:
        """The takes of these names `[T]`, None if one is not there.

        Raises:
            UserError: if one cannot be read.
        """
        if not all(self.path(name).is_file() for name in names):
            return None
        return [self._read(self.path(name)) for name in names]

    def _read(self, path: Path) -> np.ndarray:
        try:
            wav: np.ndarray = soundfile.read(path, dtype="float32")[0]
        except (OSError, soundfile.SoundFileError) as error:
            raise UserError(f"{path} is no whole take ({error}): remove it, and it is played again") from error
        return wav

"""From a reference and the instruments wanted to recordings: description, prompt, generation, scores."""

import hashlib
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from dataset_builder.descriptor.captions.registry import CAPTIONERS, CaptionSettings
from dataset_builder.descriptor.describers import DESCRIBERS, Facts
from dataset_builder.items import prompt
from dataset_builder.music.instruments import CLASSES, instrument_words_in

from . import recordings
from .reference_audio import ReferenceAudio

_VERSIONED = ("music-orchestrator", "audiocraft", "torch", "numpy", "soundfile", "soxr", "librosa")
Progress = Callable[[float], None]


class Model(Protocol):
    """What is asked of `generation.OrchestratorModel`."""

    name: str
    sha256: str
    max_seconds: float

    @property
    def sample_rate(self) -> int: ...

    @property
    def grid(self) -> float: ...

    @property
    def trained_instruments(self) -> tuple[str, ...]: ...

    def generate(
        self, prompts: Sequence[str | None], references: Sequence[np.ndarray], reference_sample_rate: int,
        duration: float | None = None, seed: int = 0, guidance: float = 3.0, temperature: float = 1.0, top_k: int = 250,
        progress: Progress | None = None, one_stem: bool | Sequence[bool] = False,
    ) -> torch.Tensor: ...  # fmt: skip


@dataclass(frozen=True)
class Settings:
    """How to play: as `generation.OrchestratorModel.generate`."""

    seconds: float
    guidance: float = 3.0
    temperature: float = 1.0
    top_k: int = 250


@dataclass(frozen=True)
class Description:
    """What the prompt says of the music besides the instruments, and who said it: user | template | none."""

    text: str | None
    source: str
    caption: str | None = None


def describe(reference: ReferenceAudio, describer: str = "template", captioner: str = "musicnn") -> Description:
    """One sentence about a reference, from its caption, tempo and key, by the data set's own Music Descriptor."""
    caption = CAPTIONERS[captioner](CaptionSettings()).caption(reference.wav, reference.sample_rate)
    item = hashlib.sha256(reference.wav.tobytes()).hexdigest()  # seeds the wording: the same audio, the same words
    facts = Facts(item, caption.text, caption.tags, reference.bpm, reference.key)
    return Description(DESCRIBERS[describer]().describe(facts), describer, caption.text)


def warnings_of(
    reference: ReferenceAudio, instruments: Sequence[str], description: Description, model: Model, settings: Settings
) -> list[str]:
    """What the user should know about the result, one line each."""
    lines = [f"reference: {note}" for note in reference.notes]
    known = model.trained_instruments
    strange = [name for name in instruments if known and name not in known]
    if strange:
        lines.append(f"the model {model.name} never trained on {', '.join(strange)}: do not expect to hear it")
    if description.source == "user" and description.text:
        named = list(dict.fromkeys(instrument_words_in(description.text)))
        if named:
            lines.append(f"the description names instruments ({', '.join(named)}): --instruments is the place for them")
    if settings.seconds > reference.seconds + 0.5:
        lines.append(f"the reference ends after {reference.seconds:.1f} s: the model goes on without it")
    return lines


def play(
    model: Model, reference: ReferenceAudio, instruments: Sequence[str], description: Description, seed: int,
    settings: Settings, progress: Progress | None = None,
) -> tuple[np.ndarray, dict[str, Any]]:  # fmt: skip
    """One recording `[T]` at the model's rate, within -1..1, and the record of how it came about."""
    text = prompt.compose(instruments, description.text)
    begun = time.perf_counter()
    wav = model.generate(
        [text], [reference.wav], reference.sample_rate, settings.seconds, seed, settings.guidance,
        settings.temperature, settings.top_k, progress,
    )[0, 0].float().numpy()  # fmt: skip
    took = time.perf_counter() - begun
    wav = wav / max(1.0, float(np.abs(wav).max(initial=0.0)))
    record = {
        "prompt": text, "instruments": list(instruments), "description": asdict(description),
        "model": {"name": model.name, "sha256": model.sha256},
        "seed": seed, "settings": asdict(settings),
        "scores": scores_of(wav, reference, instruments, text, model.sample_rate),
        "seconds": {"audio": round(len(wav) / model.sample_rate, 3), "generating": round(took, 2)},
        "sample_rate": model.sample_rate, "versions": versions(),
    }  # fmt: skip
    return wav, record


def scores_of(
    wav: np.ndarray, reference: ReferenceAudio, instruments: Sequence[str], text: str, sample_rate: int
) -> dict[str, float | None]:
    """SIM to the reference and presence of the instruments, by their headings; null where not defined."""
    import soxr

    from ..metrics.clips import Clips
    from ..metrics.registry import build_metrics

    theirs = soxr.resample(reference.wav, reference.sample_rate, sample_rate)
    clips = Clips([wav], [theirs], [theirs], [instruments], [text], sample_rate)
    values = {metric.label: float(metric(clips)[0]) for metric in build_metrics(("sim", "presence")).values()}
    return {label: round(value, 4) if np.isfinite(value) else None for label, value in values.items()}


def versions() -> dict[str, str]:
    """Of what the result depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _VERSIONED}}


def reference_record(path: Path, reference: ReferenceAudio) -> dict[str, Any]:
    """What the JSON says of the reference."""
    return {
        "file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), **reference.source,
        "used_seconds": round(reference.seconds, 3), "bpm": reference.bpm, "key": reference.key,
        "notes": list(reference.notes),
    }  # fmt: skip


def write(
    folder: Path, ending: str, path: Path, reference: ReferenceAudio, wav: np.ndarray, record: dict[str, Any]
) -> Path:
    """Write a recording and its record, and return the recording's path."""
    instruments = tuple(name for name in CLASSES if name in record["instruments"])
    target = folder / f"{recordings.name_of(path, instruments, record['seed'])}.{ending}"
    recordings.write(target, wav, record["sample_rate"], {"reference": reference_record(path, reference), **record})
    return target

"""From requests to recordings: what the command line, the evaluation, the page and the measurements all call."""

import platform
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np

from dataset_builder.audio.times import clock
from dataset_builder.music.instruments import class_of_word, instrument_words_in, nearest_instruments

from ..metrics.clips import ClipMetric, Clips
from .model import OrchestratorModel, Progress
from .recordings import Recording, within_scale
from .request import Request
from .sampling import SamplingSettings

_VERSIONED = ("music-orchestrator", "audiocraft", "torch", "numpy", "soundfile", "soxr", "librosa")


def orchestrate(
    model: OrchestratorModel, requests: Sequence[Request], sampling: SamplingSettings, seconds: float | None = None,
    metrics: Mapping[str, ClipMetric] | None = None, progress: Progress | None = None,
    seeds: Sequence[int] | None = None,
) -> list[Recording]:  # fmt: skip
    """Play all requests at once.

    Args:
        model: who plays.
        requests: what is asked for.
        sampling: how codes are drawn.
        seconds: of every recording; by default as long as the longest reference.
        metrics: score each recording against its reference, for its record.
        progress: called with the share of playing that is done, 0..1.
        seeds: of each request's draws, in place of `sampling.seed`.

    Returns:
        A recording of each request, in order.
    """
    sampling = model.resolved(sampling)
    seconds = seconds or max(request.reference.seconds for request in requests)
    begun = time.perf_counter()
    prompts, references = [request.prompt for request in requests], [request.reference for request in requests]
    seeds = seeds or [sampling.seed] * len(requests)
    wavs = list(model.generate(prompts, references, seconds, sampling, progress, seeds)[:, 0].float().numpy())
    return recorded(model, requests, wavs, sampling, seconds, time.perf_counter() - begun, metrics, seeds)


def recorded(
    model: OrchestratorModel, requests: Sequence[Request], wavs: Sequence[np.ndarray], sampling: SamplingSettings,
    seconds: float, took: float, metrics: Mapping[str, ClipMetric] | None = None, seeds: Sequence[int] | None = None,
) -> list[Recording]:  # fmt: skip
    """Recordings of what was played of requests, with their records.

    Args:
        model: who played.
        requests: what was asked for.
        wavs: float32 `[T]`, what was played of each.
        sampling: how codes were drawn, as the model resolved it.
        seconds: that were asked for.
        took: seconds that playing took.
        metrics: score each recording against its reference, for its record.
        seeds: of each request's draws, in place of `sampling.seed`.
    """
    seeds = seeds or [sampling.seed] * len(requests)
    scores = _scores(requests, wavs, metrics or {}, model.sample_rate)
    return [
        Recording(wav, model.sample_rate, {
            **asked_of(model, request, sampling, seed, seconds), "description": asdict(request.description),
            "scores": score,
            "seconds": {"audio": round(len(wav) / model.sample_rate, 3), "generating": round(took, 2)},
            "sample_rate": model.sample_rate, "versions": versions(), "warnings": warnings_of(model, request, seconds),
        })
        for request, wav, seed, score in zip(requests, wavs, seeds, scores, strict=True)
    ]  # fmt: skip


def asked_of(
    model: OrchestratorModel, request: Request, sampling: SamplingSettings, seed: int, seconds: float
) -> dict[str, Any]:  # fmt: skip
    """What of a record is known before it is played."""
    return {
        "reference": request.reference.record(), "prompt": request.prompt, "instruments": list(request.instruments),
        "words": list(request.called or request.instruments), "model": {"name": model.name, "sha256": model.sha256},
        **_settings(model.resolved(sampling), seed, seconds), "computed": model.placement.record(),
    }  # fmt: skip


def _settings(sampling: SamplingSettings, seed: int, seconds: float) -> dict[str, Any]:
    """Seed and settings, as a record names them."""
    settings = {name: value for name, value in asdict(sampling).items() if name != "seed"}
    return {"seed": seed, "settings": {"seconds": seconds, **settings}}


def _scores(
    requests: Sequence[Request], wavs: Sequence[np.ndarray], metrics: Mapping[str, ClipMetric], sample_rate: int
) -> list[dict[str, float | None]]:
    """Scores of every recording as it is written, by their headings; null where not defined."""
    played = [within_scale(wav) for wav in wavs]
    references = [request.reference.at(sample_rate) for request in requests]
    instruments, prompts = [request.instruments for request in requests], [request.prompt for request in requests]
    clips = Clips(played, references, references, instruments, prompts, sample_rate)
    columns = {metric.label: metric(clips).tolist() for metric in metrics.values()}
    return [
        {label: round(column[index], 4) if np.isfinite(column[index]) else None for label, column in columns.items()}
        for index in range(len(wavs))
    ]


def warnings_of(model: OrchestratorModel, request: Request, seconds: float) -> list[str]:
    """What the user should know about the result, one line each."""
    reference, description = request.reference, request.description
    lines = [f"reference: {note}" for note in reference.notes]
    known = model.trained_instruments
    own = [word for word in request.words if class_of_word(word) is None and word not in known]
    strange = [*(name for name in request.instruments if name not in known), *own]
    if known and strange:
        lines.append(f"the model {model.name} never trained on {', '.join(strange)}: do not expect to hear it")
    lines += [f"{word!r} goes into the prompt as it is{_guesses(word)}" for word in own]
    if description.source == "user" and description.text:
        named = list(dict.fromkeys(instrument_words_in(description.text)))
        if named:
            lines.append(f"the description names instruments ({', '.join(named)}): --instruments is the place for them")
    if tuple(request.instruments) == ("drums",):
        lines.append("drums alone have no pitch: they can follow the tune's rhythm, and SIM says little of them")
    if reference.key is None and reference.source:
        lines.append("no pitch is heard in the reference: there is no tune to follow")
    if seconds > reference.seconds + 0.5:
        lines.append(f"the reference ends after {clock(reference.seconds)}: the model goes on without it")
    return lines


def _guesses(word: str) -> str:
    likely = nearest_instruments(word)
    return f" (did you mean {', '.join(likely)}?)" if likely else ""


@cache
def versions() -> dict[str, str]:
    """Of what the result depends on."""
    return {"python": platform.python_version(), **{name: version(name) for name in _VERSIONED}}

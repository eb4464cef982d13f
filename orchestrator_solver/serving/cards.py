"""What the page shows of a tune and its takes: players, pictures, scores, and which take is the best of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined

from ..generation.recordings import Recording
from ..generation.takes.choice import choose
from ..page import embedding
from ..page.content import score_text
from ..page.render import PITCH_CLASSES
from .hearing import Heard
from .sessions import KeptTake

_TEMPLATES = Environment(
    loader=PackageLoader("orchestrator_solver", "serving/templates"), autoescape=True, undefined=StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


@dataclass(frozen=True)
class _Card:
    """A take as the template shows it."""

    label: str
    audio: str
    chroma: str
    seconds: float
    scores: tuple[tuple[str, str], ...]
    wav: str
    record: str


def best_of(recordings: Sequence[Recording]) -> int:
    """Which of the recordings of a request, each of another seed, is ranked first."""
    best = choose(recordings).best.record["seed"]
    return [one.record["seed"] for one in recordings].index(best)


def tune_card(heard: Heard) -> str:
    """HTML of a tune: a player, and what melody is heard in it."""
    reference = heard.reference
    return _TEMPLATES.get_template("tune.html").render(
        name=heard.name, seconds=reference.seconds, notes=reference.notes, pitch_classes=PITCH_CLASSES[::-1],
        audio=_audio(reference.wav, reference.sample_rate), chroma=_chroma(reference.wav, reference.sample_rate),
    )  # fmt: skip


def take_cards(heard: Heard, takes: Sequence[KeptTake]) -> str:
    """HTML of takes, side by side, each beside the melody that it was to follow."""
    recordings = [take.recording for take in takes]
    rate, samples = recordings[0].sample_rate, len(recordings[0].wav)
    reference = np.zeros(samples, np.float32)  # as long as a take, so that one stands under the other
    heard_there = heard.reference.at(rate)[:samples]
    reference[: len(heard_there)] = heard_there
    return _TEMPLATES.get_template("takes.html").render(
        cards=[_card(take) for take in takes], best=best_of(recordings),
        why=choose(recordings).explained(), asked=recordings[0].record["prompt"],
        warnings=recordings[0].record["warnings"],
        reference=_chroma(reference, rate), pitch_classes=PITCH_CLASSES[::-1],
    )  # fmt: skip


def live_card(address: str, label: str) -> str:
    """HTML of a take that is being played."""
    return _TEMPLATES.get_template("live.html").render(address=address, label=label)


def status_line(text: str, share: float | None = None) -> str:
    """HTML of what goes on, with a bar if it is known how far it is."""
    return _TEMPLATES.get_template("status.html").render(text=text, share=share)


def _card(take: KeptTake) -> _Card:
    recording = take.recording
    wav, rate, record = recording.playable, recording.sample_rate, recording.record
    scores = tuple((name, score_text(value)) for name, value in record["scores"].items())
    return _Card(
        f"Take of seed {record['seed']}", _audio(wav, rate), _chroma(wav, rate), len(wav) / rate, scores,
        take.address(), take.address("json"),
    )  # fmt: skip


def _audio(wav: np.ndarray, rate: int) -> str:
    return embedding.data_url("audio/mpeg", embedding.mp3(wav, rate))


def _chroma(wav: np.ndarray, rate: int) -> str:
    return embedding.data_url("image/png", embedding.chroma_picture(wav, rate))

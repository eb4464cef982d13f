"""What a newcomer hears first: tunes of held-out works, each played by the shipped model on several ensembles."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dataset_builder.audio import reading
from dataset_builder.audio.spans import overlap
from dataset_builder.audio.track_audio import TrackAudio
from dataset_builder.items.item import Item
from dataset_builder.items.item_builder import ItemBuilder
from dataset_builder.music.instruments import parse_instruments
from dataset_builder.nano import corpus
from dataset_builder.nano.corpus import NanoSettings, Work
from dataset_builder.seeds import seed_of
from dataset_builder.sources.registry import READERS

from ..generation.descriptor import describe
from ..generation.model import OrchestratorModel
from ..generation.orchestrate import orchestrate
from ..generation.reference_audio import ReferenceAudio
from ..generation.request import Request
from ..generation.sampling import SamplingSettings
from ..metrics.registry import build_metrics
from ..page.content import PageExcerpt, Take

ENSEMBLES = ("violin, viola, cello", "flute, acoustic guitar, acoustic bass", "trumpet, trombone, tuba, drums")
TUNES, SECONDS = 2, 8.0
_STEP = 0.25  # seconds between which an excerpt may start


@dataclass(frozen=True)
class Tune:
    """A held-out work's melody, as one instrument plays it.

    Attributes:
        work: which one.
        instrument: that plays it.
        reference: its sound.
    """

    work: Work
    instrument: str
    reference: ReferenceAudio


def first_takes(
    data: Path, nano: NanoSettings, model: OrchestratorModel, workers: int, progress: Callable[[float], None]
) -> list[PageExcerpt]:
    """Play tunes of works of the test split on each of `ENSEMBLES`; their tracks are rendered if they are not there.

    Args:
        data: the folder of a data set of the embedded corpus, of which nothing else need be there.
        nano: what that data set has.
        model: who plays.
        workers: processes that render.
        progress: called with the share of playing that is done, 0..1.
    """
    works = [work for work in corpus.select(nano.works) if work.split == "test"][:TUNES]
    folders = [folder for work in works for _, folder in corpus.track_folders(data, work, nano)]
    corpus.render(data, nano, workers, only={folder.name for folder in folders})
    tunes = [_tune(work, folder) for work, folder in zip(works, folders, strict=True)]
    excerpts = []
    for place, tune in enumerate(tunes):
        excerpts.append(_played(tune, model))
        progress((place + 1) / len(tunes))
    return excerpts


def _tune(work: Work, folder: Path) -> Tune:
    """The stem that carries most melody, where it sounds longest."""
    track = READERS["nano"].read_track(folder, work.split)
    items = ItemBuilder(track, folder, TrackAudio(0), per_size=0).items()
    stems = {item.id: item for item in items if item.kind == "stem"}
    best = next(stems[reference.item] for reference in items[0].references if reference.item in stems)
    wav = reading.read(folder / best.files[0], _fullest_part(best), SECONDS)
    rate = best.sample_rate
    return Tune(work, best.instruments[0], ReferenceAudio(wav, rate, one_stem=True, bpm=best.bpm, key=best.key))


def _fullest_part(item: Item) -> float:
    """Where in an item of one stem `SECONDS` begin in which it sounds longest, as early as possible."""
    (spans,) = item.activity.values()
    starts = np.arange(0.0, max(_STEP, item.duration - SECONDS), _STEP)
    return float(max(starts, key=lambda start: overlap(spans, start, start + SECONDS)))


def _played(tune: Tune, model: OrchestratorModel) -> PageExcerpt:
    description = describe(tune.reference)
    requests = [Request(tune.reference, parse_instruments(names), description) for names in ENSEMBLES]
    sampling = SamplingSettings(seed_of(tune.work.id, "first") % 2**31)
    recordings = orchestrate(model, requests, sampling, SECONDS, build_metrics(("sim", "instruments")))
    rate = tune.reference.sample_rate
    takes = [Take("reference", f"The tune, on {tune.instrument}", tune.reference.wav, rate)]
    for names, recording in zip(ENSEMBLES, recordings, strict=True):
        scores = {name: np.nan if score is None else score for name, score in recording.record["scores"].items()}
        takes.append(Take("shipped", names, recording.playable, recording.sample_rate, scores))
    prompts = dict(zip(ENSEMBLES, (request.prompt for request in requests), strict=True))
    player = f"{model.title} at guidance {model.guidance:g}"
    note = f"One tune, {len(ENSEMBLES)} ensembles, by {player}; it never heard this work."
    return PageExcerpt(f"{tune.work.composer}: {tune.work.title}", (), prompts, takes, note)

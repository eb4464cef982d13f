"""What guidance by tune and by words, temperature and top-k do to takes: a frontier, from which defaults are chosen.

Every setting plays the same excerpts, each with the same random numbers, so that settings are compared pair by pair.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm import tqdm

from dataset_builder.bench.measurement import Report
from dataset_builder.seeds import seed_of

from ..evaluation.cells import BATCH
from ..evaluation.excerpts import TestExcerpt, choose, clips_of
from ..generation.model import OrchestratorModel
from ..generation.orchestrate import orchestrate
from ..generation.sampling import SamplingSettings
from ..metrics.clips import ClipMetric, Clips
from ..statistics.bootstrap import Interval, bootstrap

SEED, POLICY = 2041, "stem"


@dataclass(frozen=True)
class Tried:
    """A setting and what was heard in its takes.

    Attributes:
        melody: guidance by the reference.
        words: guidance by the prompt.
        temperature: of the draws.
        top_k: of the draws.
        scores: by heading.
    """

    melody: float
    words: float
    temperature: float
    top_k: int
    scores: dict[str, Interval]


@dataclass(frozen=True)
class DialsReport(Report):
    """All settings.

    Attributes:
        excerpts: that each played.
        higher_is_better: by heading.
        tried: the settings, in the order in which they were asked for.
    """

    excerpts: int
    higher_is_better: dict[str, bool]
    tried: tuple[Tried, ...]

    @property
    def frontier(self) -> list[bool]:
        """Which settings no other beats, being better in one score and as good in all others."""
        signs = np.array([1 if higher else -1 for higher in self.higher_is_better.values()])
        points = signs * np.array([[one.scores[name].mean for name in self.higher_is_better] for one in self.tried])
        return [not any((other >= point).all() and (other > point).any() for other in points) for point in points]

    def text(self) -> str:
        """The report for a terminal; a star marks settings that no other beats in everything."""
        headings = list(self.tried[0].scores)
        width = max(24, *(len(heading) + 2 for heading in headings))
        lines = ["  melody  words   temp  top-k  " + "".join(f"{heading:<{width}}" for heading in headings)]
        lines += [
            f"{'*' if best else ' '} {one.melody:6g} {one.words:6g} {one.temperature:6g} {one.top_k:6d}  "
            + "".join(f"{interval.text():<{width}}" for interval in one.scores.values())
            for one, best in zip(self.tried, self.frontier, strict=True)
        ]
        return "\n".join(line.rstrip() for line in lines)


@dataclass(frozen=True)
class Dials:
    """Values to be tried, each with each.

    Attributes:
        melody: guidance by the reference.
        words: guidance by the prompt; none stands for the reference's, one dial for both.
        temperatures: of the draws.
        top_ks: of the draws.
    """

    melody: Sequence[float]
    words: Sequence[float] = ()
    temperatures: Sequence[float] = (1.0,)
    top_ks: Sequence[int] = (250,)

    def settings(self) -> Iterator[SamplingSettings]:
        """Of each combination."""
        for melody, temperature, top_k in itertools.product(self.melody, self.temperatures, self.top_ks):
            for words in self.words or (melody,):
                yield SamplingSettings(follow_melody=melody, follow_words=words, temperature=temperature, top_k=top_k)


def bench_dials(
    root: Path, model: OrchestratorModel, dials: Dials, metrics: dict[str, ClipMetric], split: str = "valid",
    count: int = 60, seconds: float = 8.0,
) -> DialsReport:  # fmt: skip
    """Play up to `count` excerpts by every setting.

    Args:
        root: the data set's folder.
        model: who plays.
        dials: what is tried.
        metrics: that hear the takes.
        split: of the data set.
        count: excerpts.
        seconds: of each.

    Raises:
        UserError: if the data set is missing.
    """
    excerpts = choose(
        root, split, count, seconds, (POLICY,), model.grid, model.instrument_words or "classes", "reference"
    )
    tried = [
        Tried(one.dials.melody, one.dials.words, one.temperature, one.top_k, _heard(model, excerpts, one, metrics))
        for one in tqdm(list(dials.settings()), "settings", unit="setting")
    ]
    return DialsReport(
        len(excerpts), {metric.label: metric.higher_is_better for metric in metrics.values()}, tuple(tried)
    )


def _heard(
    model: OrchestratorModel, excerpts: Sequence[TestExcerpt], sampling: SamplingSettings,
    metrics: Mapping[str, ClipMetric],
) -> dict[str, Interval]:  # fmt: skip
    """Scores of a setting by heading, resampled by works."""
    columns: dict[str, list[np.ndarray]] = {metric.label: [] for metric in metrics.values()}
    for begin in range(0, len(excerpts), BATCH):
        clips = _played(model, excerpts[begin : begin + BATCH], sampling)
        for metric in metrics.values():
            columns[metric.label].append(metric(clips))
    works = [excerpt.work for excerpt in excerpts]
    return {label: bootstrap(np.concatenate(column), works, SEED) for label, column in columns.items()}


def _played(model: OrchestratorModel, batch: Sequence[TestExcerpt], sampling: SamplingSettings) -> Clips:
    rate = model.sample_rate
    requests = [excerpt.request(excerpt.reference(POLICY, rate), "with", POLICY) for excerpt in batch]
    seeds = [seed_of(excerpt.item.id, "dials") % 2**31 for excerpt in batch]
    takes = orchestrate(model, requests, sampling, batch[0].seconds, seeds=seeds)
    return clips_of(
        batch, requests, [excerpt.target(rate) for excerpt in batch], [take.playable for take in takes], rate, POLICY
    )

"""Whether metrics hear: what each says of true held-out excerpts, and of others in their place, and how long it takes.

A metric is of use if what is asked for scores better than what is not: the target itself, the target through the codec
(the best that a model can reach), another work's target, and, where a metric looks at the instruments that are asked
for, the target where another item's are. For metrics of whole sets the same is asked of a half of the works: itself,
itself through the codec, and the other half.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from audiocraft.models.encodec import CompressionModel
from tqdm import tqdm

from dataset_builder.bench.measurement import Report
from dataset_builder.errors import UserError

from ..evaluation.excerpts import TestExcerpt, choose, clips_of
from ..evaluation.players import ModelPlayer, OtherWork, ThroughCodec
from ..generation.model import OrchestratorModel
from ..generation.sampling import SamplingSettings
from ..metrics.clips import ClipMetric, Clips, SetMetric
from ..metrics.distribution.interval import interval_of
from ..metrics.registry import METRICS, SET_METRICS, build_metrics
from ..statistics.bootstrap import Interval, bootstrap

SEED, POLICY, BATCH = 2036, "stem", 16
COLUMNS = ("target", "codec", "another work", "asked for others")


@dataclass(frozen=True)
class Ear:
    """What a metric says.

    Attributes:
        label: the metric's.
        scores: means and intervals by `COLUMNS`; those that say nothing of it are left out.
        seconds: for 100 excerpts of 8 s, beside their reading; what the metrics before it have heard is not heard again
            (of the three melody scores, the first pays for all).
    """

    label: str
    scores: dict[str, Interval]
    seconds: float

    def text(self) -> str:
        """A line."""
        cells = [self.scores[name].text() if name in self.scores else "" for name in COLUMNS]
        return f"{self.label:24}" + "".join(f"{cell:27}" for cell in cells) + f"{self.seconds:6.1f} s"


@dataclass(frozen=True)
class EarsReport(Report):
    """What all metrics say that this machine has.

    Attributes:
        ears: by the metrics' names.
        left_out: why others are not there, by theirs.
        excerpts, works: what the figures stand on.
        playing: seconds that a model takes for 100 excerpts of 8 s, if one was asked to play.
    """

    ears: dict[str, Ear]
    left_out: dict[str, str]
    excerpts: int
    works: int
    playing: float | None = None

    def text(self) -> str:
        """The report for a terminal."""
        head = f"{'':24}" + "".join(f"{name:27}" for name in COLUMNS) + "100 x 8 s"
        lines = [f"{self.excerpts} excerpts of {self.works} works", head, *(ear.text() for ear in self.ears.values())]
        if self.playing is not None:
            lines.append(f"{'playing them':{24 + 27 * len(COLUMNS)}}{self.playing:6.1f} s")
        return "\n".join([*lines, *(f"without {name}: {reason}" for name, reason in self.left_out.items())])

    def to_json(self) -> dict[str, Any]:
        """All of it, as plain values for JSON."""
        ears = {
            name: {"label": ear.label, "seconds": ear.seconds,
                   "scores": {column: interval.to_json() for column, interval in ear.scores.items()}}
            for name, ear in self.ears.items()
        }  # fmt: skip
        return {
            "ears": ears, "left_out": self.left_out, "excerpts": self.excerpts, "works": self.works,
            "playing": self.playing,
        }  # fmt: skip


@dataclass(frozen=True)
class _Material:
    """Excerpts, and the clips of each column in batches."""

    works: list[str]
    seconds: float
    columns: dict[str, list[Clips]]


def bench_ears(
    root: Path, codec: CompressionModel, split: str = "test", count: int = 60, seconds: float = 8.0,
    names: Sequence[str] | None = None, model: OrchestratorModel | None = None,
) -> EarsReport:  # fmt: skip
    """Ask metrics about `count` excerpts, each beside one stem of its track as the reference.

    Args:
        root: the data set's folder.
        codec: what sounds pass through.
        split: of the data set.
        count: excerpts, at most.
        seconds: of each.
        names: keys of `METRICS` and `SET_METRICS`; by default all that this machine has the networks for.
        model: who plays the excerpts too, so that its time stands beside that of hearing.

    Raises:
        UserError: if the data set is missing, has no excerpt so long or fewer than two works; or a metric that is named
            lacks something.
    """
    excerpts = choose(root, split, count, seconds, (POLICY,), 1 / codec.frame_rate)
    if len({excerpt.work for excerpt in excerpts}) < 2:
        raise UserError(f"{root}: {split} has no excerpts of {seconds:g} s of two works with pitched instruments")
    material, left_out = _material(excerpts, codec), {}
    ears: dict[str, Ear] = {}
    for name in tqdm(names or [*METRICS, *SET_METRICS], "ears", unit="metric"):
        try:
            ears[name] = _set_ear(SET_METRICS[name](), material) if name in SET_METRICS else _clip_ear(name, material)
        except UserError as error:
            if names:
                raise
            left_out[name] = str(error)
    playing = _a_hundred(_played(model, excerpts), material) if model else None
    return EarsReport(ears, left_out, len(excerpts), len(set(material.works)), playing)


def _played(model: OrchestratorModel, excerpts: Sequence[TestExcerpt]) -> float:
    """Seconds that a model takes for them, in batches as Table 1 has them."""
    seconds, play = 0.0, ModelPlayer(model, SamplingSettings())
    for begin in range(0, len(excerpts), BATCH):
        part = excerpts[begin : begin + BATCH]
        requests = [e.request(e.reference(POLICY, model.sample_rate), "with", POLICY) for e in part]
        started = perf_counter()
        play(part, POLICY, requests)
        seconds += perf_counter() - started
    return seconds


def _material(excerpts: Sequence[TestExcerpt], codec: CompressionModel) -> _Material:
    rate, other = codec.sample_rate, OtherWork(excerpts, codec.sample_rate)
    through = ThroughCodec(codec)
    columns: dict[str, list[Clips]] = {name: [] for name in COLUMNS}
    for begin in range(0, len(excerpts), BATCH):
        part = excerpts[begin : begin + BATCH]
        targets = [excerpt.target(rate) for excerpt in part]
        requests = [excerpt.request(excerpt.reference(POLICY, rate), "without", POLICY) for excerpt in part]
        true = clips_of(part, requests, targets, targets, rate, POLICY)
        columns["target"].append(true)
        columns["codec"].append(replace(true, generated=through(part, POLICY, requests, 0).wavs))
        columns["another work"].append(replace(true, generated=other(part, POLICY, requests, 0).wavs))
        asked = [other.others[excerpt.item.id].sounding for excerpt in part]
        columns["asked for others"].append(replace(true, instruments=asked))
    return _Material([excerpt.work for excerpt in excerpts], excerpts[0].seconds, columns)


def _clip_ear(name: str, material: _Material) -> Ear:
    (metric,) = build_metrics([name]).values()
    metric(_backwards(material.columns["target"][0]))  # what is loaded and compiled at first is not its speed
    begin = perf_counter()
    found = {"target": _scores(metric, material.columns["target"])}
    seconds = perf_counter() - begin
    asked = metric(material.columns["asked for others"][0])
    looks = not np.array_equal(found["target"][: len(asked)], asked, equal_nan=True)  # at what is asked for
    found |= {column: _scores(metric, material.columns[column]) for column in COLUMNS[1 : 4 if looks else 3]}
    scores = {column: bootstrap(values, material.works, SEED) for column, values in found.items()}
    return Ear(metric.label, scores, _a_hundred(seconds, material))


def _backwards(clips: Clips) -> Clips:
    """Sounds of the same lengths that no metric has heard."""
    sides = (clips.generated, clips.targets, clips.references)
    generated, targets, references = ([np.ascontiguousarray(wav[::-1]) for wav in side] for side in sides)
    return replace(clips, generated=generated, targets=targets, references=references)


def _scores(metric: ClipMetric, batches: Sequence[Clips]) -> np.ndarray:
    return np.concatenate([metric(clips) for clips in batches])


def _set_ear(metric: SetMetric, material: _Material) -> Ear:
    """Of the larger half, excerpts beyond the other's are left out."""
    begin = perf_counter()
    target = _embedded(metric, material.columns["target"], lambda clips: clips.targets)
    seconds = perf_counter() - begin
    codec = _embedded(metric, material.columns["codec"], lambda clips: clips.generated)
    names = sorted(set(material.works))
    early = np.array([work in names[: len(names) // 2] for work in material.works])
    own, other = (np.flatnonzero(side)[: min(early.sum(), (~early).sum())] for side in (early, ~early))
    works = [material.works[row] for row in own]
    heard = {"target": target[own], "codec": codec[own], "another work": target[other]}
    scores = {column: interval_of(metric, rows, target[own], works, SEED) for column, rows in heard.items()}
    return Ear(metric.label, scores, _a_hundred(seconds, material))


def _embedded(metric: SetMetric, batches: Sequence[Clips], side: Callable[[Clips], Sequence[np.ndarray]]) -> np.ndarray:
    return np.concatenate([metric.embed(side(clips), clips.sample_rate) for clips in batches])


def _a_hundred(seconds: float, material: _Material) -> float:
    return seconds * 100 / len(material.works) * 8 / material.seconds

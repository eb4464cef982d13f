"""Table 1: every row of it played, scored and tabulated, going on where a stopped run was."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from dataset_builder.dataset.finalize import SUMS
from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic
from dataset_builder.runtime.checksums import digest_of
from dataset_builder.runtime.shards import Shard

from ..generation.model import OrchestratorModel
from ..generation.orchestrate import versions
from ..generation.sampling import SamplingSettings
from ..metrics.clips import ClipMetric, SetMetric
from ..metrics.distribution.interval import interval_of
from ..metrics.registry import DEFAULT, build_metrics, build_set_metrics, provenance_of
from ..statistics.bootstrap import Interval
from .cells import BATCH, Batch, Cell, batches_of, embed_batch, score_batch
from .excerpts import TestExcerpt, choose
from .players import ModelPlayer, OtherWork, Player, TheReference, TheTarget, ThroughCodec
from .rows import PROMPTINGS, ClipScores, kind_of
from .table import Table, columns_of
from .tabulation import Key, tabulate
from .takes import Takes

SEED = 2036  # of the intervals' resampling
LISTED = "excerpts.json"
WHOLE = Shard(1, 1)


@dataclass(frozen=True)
class EvaluationSettings:
    """What is scored.

    Attributes:
        data: the data set's folder.
        out: folder of the results.
        count: number of excerpts.
        seconds: length of an excerpt; by default what the models play at once.
        policies: references to play from.
        split: of the data set.
        sampling: of the models; the seed is each excerpt's own.
        metrics: names in `metrics.registry.METRICS`.
        takes: of each excerpt by each model, with other seeds.
        described: whose description models are given: the target's, or the reference's.
        options: of metrics, by name, see `metrics.registry.build_metrics`.
        batch: excerpts that are played at once; another number changes the last digits of some takes.
    """

    data: Path
    out: Path
    count: int = 200
    seconds: float | None = None
    policies: tuple[str, ...] = ("self", "stem")
    split: str = "test"
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    metrics: tuple[str, ...] = DEFAULT
    takes: int = 1
    described: str = "target"
    options: Mapping[str, dict[str, Any]] = field(default_factory=dict)
    batch: int = BATCH


def words_for(models: Mapping[str, OrchestratorModel]) -> str:
    """How all rows are told the instruments, a name in `NAMINGS`: as the model that was fine-tuned learned them."""
    model = models.get("finetuned") or next(iter(models.values()))
    return model.instrument_words or "classes"


def require_alike(models: Mapping[str, OrchestratorModel]) -> None:
    """See that models can be compared: one rate, at which all is scored, one grid of times, one kind of chroma.

    Raises:
        UserError: if not; it names two that differ.
    """
    (first, one), *others = models.items()
    for row, model in others:
        if model.hearing != one.hearing:
            found = " and ".join(f"{each.name} ({_words(each.hearing)})" for each in (one, model))
            raise UserError(f"{found} cannot be compared: expected {first} and {row} of one kind")


def _words(facts: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in facts.items())


class Evaluation:
    """Table 1 of some models, as batches that can be shared out.

    Args:
        models: by row: `baseline`, `finetuned`, `control`, or names of others.
        settings: what is scored.

    Raises:
        UserError: if the data is missing or too short, or the models cannot be compared.
    """

    def __init__(self, models: Mapping[str, OrchestratorModel], settings: EvaluationSettings) -> None:
        require_alike(models)
        self.models, self.settings = models, settings
        self.metrics = build_metrics(settings.metrics, **settings.options)
        self.sets = build_set_metrics(settings.metrics, **settings.options)
        self.first = next(iter(models.values()))
        self.rate = self.first.sample_rate
        self.seconds = settings.seconds or min(model.max_seconds for model in models.values())
        self.excerpts = self._chosen()
        self.takes = Takes(settings.out / "takes")
        players: dict[str, Player] = {
            row: ModelPlayer(model, settings.sampling, self.takes) for row, model in models.items()
        }
        self.players = {**players, **self._anchors()}
        self.folder = settings.out / "scores" / self._key()
        self.batches = [batch for cell in self._cells() for batch in batches_of(cell, self.excerpts, settings.batch)]

    def _chosen(self) -> list[TestExcerpt]:
        settings = self.settings
        excerpts = choose(
            settings.data, settings.split, settings.count, self.seconds, settings.policies, self.first.grid,
            words_for(self.models), settings.described,
        )  # fmt: skip
        if not excerpts:
            raise UserError(
                f"{settings.data}: no item of {settings.split} has a pitched instrument and lasts {self.seconds:g} s: "
                "ask for shorter excerpts (--seconds), or another split"
            )
        return excerpts

    def _anchors(self) -> dict[str, Player]:
        return {
            "random": OtherWork(self.excerpts, self.rate), "reference": TheReference(self.rate),
            "target": TheTarget(self.rate), "ceiling": ThroughCodec(self.first.codec),
        }  # fmt: skip

    def run(self, shard: Shard = WHOLE) -> None:
        """Play and score a part of the batches; what is there is left alone."""
        self.list_excerpts()
        for batch in tqdm(shard.of(self.batches), desc="Table 1", unit="batch"):
            self.run_batch(batch)

    def list_excerpts(self) -> None:
        """Say beside the results what was chosen."""
        atomic.write_json(self.settings.out / LISTED, [excerpt.record() for excerpt in self.excerpts])

    def run_batch(self, batch: Batch) -> None:
        """Play and score one of `batches`."""
        self._score(batch)
        for name, metric in self.sets.items():
            embed_batch(batch, self.players[batch.cell.row], metric, name, self.folder, self.rate)

    def table(self) -> Table:
        """The table; what is not there yet is played and scored."""
        scores = [clip for batch in self.batches for clip in self._score(batch)]
        both: dict[str, ClipMetric | SetMetric] = {**self.metrics, **self.sets}
        columns = columns_of({name: both[name] for name in self.settings.metrics})
        return tabulate(scores, columns, SEED, about=self._about(both), of_sets=self._of_sets())

    def _of_sets(self) -> dict[Key, dict[str, Interval]]:
        """How far what each row plays is, as a whole, from the targets."""
        found: dict[Key, dict[str, Interval]] = {}
        for name, metric in self.sets.items():
            heard: dict[Key, list[np.ndarray]] = {}
            for batch in self.batches:
                embedded = embed_batch(batch, self.players[batch.cell.row], metric, name, self.folder, self.rate)
                heard.setdefault(self._key_of(batch.cell), []).append(embedded)
            sets = {key: np.concatenate(parts) for key, parts in heard.items()}
            for key, clips in sets.items():
                targets = sets[("target", "", key[2])]
                repeats = len(clips) // len(targets)  # takes
                works = [excerpt.work for excerpt in self.excerpts] * repeats
                interval = interval_of(metric, clips, np.tile(targets, (repeats, 1)), works, SEED)
                found.setdefault(key, {})[name] = interval
        return found

    def _key_of(self, cell: Cell) -> Key:
        return cell.row, cell.prompting if kind_of(cell.row).prompted else "", cell.policy

    def _score(self, batch: Batch) -> list[ClipScores]:
        row, prompting, policy = self._key_of(batch.cell)
        records = score_batch(batch, self.players[row], self.metrics, self.folder, self.rate)
        return [
            ClipScores(**record, row=row, prompting=prompting, policy=policy, take=batch.cell.take)
            for record in records
        ]

    def _key(self) -> str:
        """Names the folder of scores: another data set, excerpts, settings or kind of device never meet old ones."""
        sampling, where = self.settings.sampling, self.first.placement
        values = [
            digest_of(self.settings.data / SUMS), [excerpt.record() for excerpt in self.excerpts],
            self._dials(), sampling.temperature, sampling.top_k,
            self.seconds, where.device.type, str(where.precision),
        ]  # fmt: skip
        return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:12]

    def _dials(self) -> dict[str, str]:
        """At which guidance each model plays."""
        return {row: str(model.resolved(self.settings.sampling).dials) for row, model in self.models.items()}

    def _cells(self) -> list[Cell]:
        return [
            Cell(row, policy, prompting, player.version, take)
            for row, player in self.players.items()
            for policy in self.settings.policies
            for prompting in (PROMPTINGS if kind_of(row).prompted else ("without",))
            for take in range(self.settings.takes if kind_of(row).prompted else 1)
        ]

    def _about(self, metrics: Mapping[str, ClipMetric | SetMetric]) -> dict[str, Any]:
        """How the table's numbers came about."""
        settings, excerpts = self.settings, self.excerpts
        fallen = {
            policy: sum(excerpt.fell_back(policy) for excerpt in excerpts)
            for policy in settings.policies if policy != "self"
        }  # fmt: skip
        return {
            "excerpts": len(excerpts), "works": len({excerpt.work for excerpt in excerpts}), "takes": settings.takes,
            "split": settings.split, "seconds": self.seconds, "scored at (Hz)": self.rate,
            **{f"guidance of {row}": value for row, value in self._dials().items()},
            "temperature": settings.sampling.temperature,
            "description": f"of the {settings.described}, from the data set",
            "instrument words": excerpts[0].instrument_words,
            **{f"no reference for policy {policy}, so the target itself": count for policy, count in fallen.items()},
            **{f"model of {row}": model.title for row, model in self.models.items()},
            **{f"network of {name}": facts for name, facts in provenance_of(metrics).items()},
            **self.first.placement.record(), "versions": versions(),
        }  # fmt: skip


def evaluate(models: Mapping[str, OrchestratorModel], settings: EvaluationSettings) -> Table:
    """Play, score and tabulate; see `Evaluation`."""
    evaluation = Evaluation(models, settings)
    evaluation.run()
    return evaluation.table()

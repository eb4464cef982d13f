"""Batches of Table 1, shared out to processes of this machine: what plays and hears keeps one core busy, seldom two."""

from collections.abc import Mapping
from dataclasses import dataclass

from dataset_builder.runtime.process_pool import parallel_map
from dataset_builder.runtime.shards import Shard

from ..evaluation.models import load_rows
from ..evaluation.run import Evaluation, EvaluationSettings
from ..runtime.placement import placement

_mine: list[Evaluation] = []  # of this process, which works for one


@dataclass(frozen=True)
class Recipe:
    """What another process makes an evaluation from.

    Attributes:
        finetuned: see `load_rows`, as the next three.
        baseline: name.
        control: name.
        others: names by row.
        precision: of the models, which compute on the CPU.
        settings: what is scored.
    """

    finetuned: str
    baseline: str | None
    control: str | None
    others: Mapping[str, str]
    precision: str
    settings: EvaluationSettings

    def evaluation(self) -> Evaluation:
        """Load the models; see `load_rows` and `Evaluation` for the errors."""
        where = placement("cpu", self.precision)
        return Evaluation(load_rows(self.finetuned, self.baseline, self.control, self.others, where), self.settings)


def run_shared(recipe: Recipe, batches: int, shard: Shard, workers: int) -> None:
    """Play and score the shard's part of so many batches; what is there is left alone.

    Args:
        recipe: of the evaluation.
        batches: that it has.
        shard: whose part is wanted.
        workers: processes, a thread each.

    Raises:
        UserError: as `parallel_map`.
    """
    parallel_map(_run_batch, [(recipe, index) for index in shard.of(range(batches))], workers, "Table 1", "batch")


def _run_batch(recipe: Recipe, index: int) -> None:
    import torch

    if not _mine:
        torch.set_num_threads(1)
        _mine.append(recipe.evaluation())
    (evaluation,) = _mine
    evaluation.run_batch(evaluation.batches[index])

"""Table 1: every row of it played, scored and tabulated, going on where a stopped run was."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tqdm import tqdm

from dataset_builder.errors import UserError

from ..generation.model import OrchestratorModel
from ..generation.sampling import SamplingSettings
from ..metrics.registry import DEFAULT, build_metrics
from ..runtime.placement import Placement
from .cells import BATCH, Cell, score_cell
from .excerpts import TestExcerpt, choose
from .players import ModelPlayer, OtherWork, Player, ThroughCodec
from .rows import PROMPTINGS, ROWS, ClipScores
from .table import Table, columns_of, tabulate

SEED = 2036  # of the intervals' resampling


@dataclass(frozen=True)
class EvaluationSettings:
    """What is scored.

    Attributes:
        data: the data set's folder.
        out: folder of the results.
        count: number of excerpts.
        seconds: length of an excerpt.
        policies: references to play from.
        split: of the data set.
        sampling: of the models; the seed is each batch's own.
        metrics: names in `metrics.registry.METRICS`.
    """

    data: Path
    out: Path
    count: int = 200
    seconds: float = 8.0
    policies: tuple[str, ...] = ("self", "stem")
    split: str = "test"
    sampling: SamplingSettings = field(default_factory=SamplingSettings)
    metrics: tuple[str, ...] = DEFAULT


def words_for(models: Mapping[str, OrchestratorModel]) -> str:
    """How all rows are told the instruments, a name in `NAMINGS`: as the model that was fine-tuned learned them."""
    model = models.get("finetuned") or next(iter(models.values()))
    return model.instrument_words or "classes"


def require_alike(models: Mapping[str, OrchestratorModel]) -> None:
    """See that models can be compared: one rate, at which all is scored, and one grid of times.

    Raises:
        UserError: if not; it names two that differ.
    """
    (first, one), *others = models.items()
    for row, model in others:
        if (model.sample_rate, model.grid) != (one.sample_rate, one.grid):
            found = " and ".join(f"{each.name} plays at {each.sample_rate} Hz" for each in (one, model))
            raise UserError(
                f"{found} (frames: {one.grid:g} s, {model.grid:g} s): expected {first} and {row} of one kind"
            )


def evaluate(models: Mapping[str, OrchestratorModel], settings: EvaluationSettings) -> Table:
    """Score every cell of the table.

    Args:
        models: by row: `baseline`, `finetuned`, `control`.
        settings: what is scored.

    Raises:
        UserError: if the data is missing or too short, or the models cannot be compared.
    """
    require_alike(models)
    first = next(iter(models.values()))
    excerpts = choose(
        settings.data, settings.split, settings.count, settings.seconds, settings.policies, first.grid,
        words_for(models),
    )  # fmt: skip
    if not excerpts:
        raise UserError(
            f"{settings.data}: no item of {settings.split} has a pitched instrument and lasts {settings.seconds:g} s: "
            "ask for shorter excerpts (--seconds), or another split"
        )
    players: dict[str, Player] = {row: ModelPlayer(model, settings.sampling) for row, model in models.items()}
    players |= {"random": OtherWork(excerpts, first.sample_rate), "ceiling": ThroughCodec(first.codec)}
    metrics = build_metrics(settings.metrics)
    folder = settings.out / "cells" / _key(settings, excerpts, first.placement)
    cells = _cells(players, settings.policies)
    scores: list[ClipScores] = []
    with tqdm(total=len(cells) * -(-len(excerpts) // BATCH), desc="Table 1", unit="batch") as bar:
        for cell in cells:
            for records in score_cell(cell, excerpts, players[cell.row], metrics, folder, first.sample_rate):
                scores += _clip_scores(cell, records)
                bar.update()
    return tabulate(scores, columns_of(metrics), SEED, about=_about(models, settings, excerpts))


def _key(settings: EvaluationSettings, excerpts: Sequence[TestExcerpt], where: Placement) -> str:
    """Names the folder of batches: other excerpts, settings or kinds of device never meet old scores."""
    chosen = [(excerpt.item.id, excerpt.start, excerpt.prompts) for excerpt in excerpts]
    sampling = settings.sampling
    values = [
        chosen, settings.policies, sampling.guidance, sampling.temperature, sampling.top_k, settings.metrics,
        settings.seconds, where.device.type, str(where.precision),
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:12]


def _cells(players: Mapping[str, Player], policies: Sequence[str]) -> list[Cell]:
    return [
        Cell(row, policy, prompting, player.version)
        for row, player in players.items()
        for policy in policies
        for prompting in (PROMPTINGS if ROWS[row].prompted else ("without",))
    ]


def _clip_scores(cell: Cell, records: Sequence[dict]) -> Iterator[ClipScores]:
    prompting = cell.prompting if ROWS[cell.row].prompted else ""
    for record in records:
        yield ClipScores(**record, row=cell.row, prompting=prompting, policy=cell.policy)


def _about(
    models: Mapping[str, OrchestratorModel], settings: EvaluationSettings, excerpts: Sequence[TestExcerpt]
) -> dict[str, Any]:
    """How the table's numbers came about."""
    return {
        "excerpts": len(excerpts), "works": len({excerpt.work for excerpt in excerpts}),
        "split": settings.split, "seconds": settings.seconds, "guidance": settings.sampling.guidance,
        "temperature": settings.sampling.temperature, "description": "of the target item, from the data set",
        "instrument words": excerpts[0].instrument_words,
        **{f"model of {row}": model.title for row, model in models.items()},
        **next(iter(models.values())).placement.record(),
    }  # fmt: skip

"""Table 1: every row of it played, scored and tabulated, going on where a stopped run was."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from dataset_builder.seeds import seed_of

from ..generation.model import OrchestratorModel, load_model
from ..metrics.clips import ClipMetric
from ..metrics.registry import DEFAULT, build_metrics
from ..weights.package import state_hash
from .cells import BATCH, Cell, Player, score_cell
from .excerpts import TestExcerpt, choose
from .rows import PROMPTINGS, ROWS, ClipScores
from .table import Table, columns_of, tabulate

SEED = 2036  # of the intervals' resampling


@dataclass(frozen=True)
class EvaluationSettings:
    """What is scored.

    Attributes:
        data: the data set's folder.
        models: by row (`baseline`, `control`, `finetuned`), a name that `load_model` takes.
        out: folder of the results.
        count: number of excerpts.
        seconds: length of an excerpt.
        policies: references to play from.
        split: of the data set.
        guidance: see `OrchestratorModel.generate`.
        temperature: likewise.
        top_k: likewise.
        metrics: names in `metrics.registry.METRICS`.
    """

    data: Path
    models: dict[str, str]
    out: Path
    count: int = 200
    seconds: float = 8.0
    policies: tuple[str, ...] = ("self", "stem")
    split: str = "test"
    guidance: float = 3.0
    temperature: float = 1.0
    top_k: int = 250
    metrics: tuple[str, ...] = DEFAULT


def _key(settings: EvaluationSettings, excerpts: Sequence[TestExcerpt]) -> str:
    """Names the folder of batches: other excerpts or settings never meet old scores."""
    chosen = [(excerpt.item.id, excerpt.start, excerpt.prompts) for excerpt in excerpts]
    values = [
        chosen,
        settings.policies,
        settings.guidance,
        settings.temperature,
        settings.top_k,
        settings.metrics,
        settings.seconds,
    ]
    return hashlib.sha256(json.dumps(values).encode()).hexdigest()[:12]


def _play(model: OrchestratorModel, settings: EvaluationSettings) -> Player:
    """A model as a player of excerpts; the seed depends on the batch's first excerpt, not on the row."""

    def play(
        excerpts: Sequence[TestExcerpt], policy: str, prompting: str, references: list[np.ndarray]
    ) -> list[np.ndarray]:
        wav = model.generate(
            [excerpt.prompts[prompting] for excerpt in excerpts], references, model.sample_rate,
            duration=settings.seconds, seed=seed_of(excerpts[0].item.id, policy) % 2**31, guidance=settings.guidance,
            temperature=settings.temperature, top_k=settings.top_k,
            one_stem=[excerpt.references[policy].kind == "stem" for excerpt in excerpts],
        )  # fmt: skip
        return [clip[0].numpy() for clip in wav]

    return play


def _anchors(model: OrchestratorModel, excerpts: Sequence[TestExcerpt], settings: EvaluationSettings) -> dict:
    """Players of the rows that need no language model: another work's target, and the target through the codec."""
    from .cells import audio_of

    other: dict[str, TestExcerpt] = {}
    for place, excerpt in enumerate(excerpts):
        turned = [*excerpts[place + 1 :], *excerpts[:place]]
        other[excerpt.item.id] = next((e for e in turned if e.work != excerpt.work), excerpt)

    def random(batch: Sequence[TestExcerpt], policy: str, prompting: str, references: list) -> list[np.ndarray]:
        chosen = [other[excerpt.item.id] for excerpt in batch]
        return audio_of(chosen, None, settings.data, settings.seconds, model.sample_rate)

    @torch.no_grad()
    def ceiling(batch: Sequence[TestExcerpt], policy: str, prompting: str, references: list) -> list[np.ndarray]:
        wavs = np.stack(audio_of(batch, None, settings.data, settings.seconds, model.sample_rate))
        decoded = model.codec.decode(model.codec.encode(torch.from_numpy(wavs)[:, None])[0], None)
        return list(decoded[:, 0, : wavs.shape[1]].numpy())

    return {"random": random, "ceiling": ceiling}


def evaluate(settings: EvaluationSettings) -> Table:
    """Score every cell of the table.

    Raises:
        UserError: if the data or a model is missing.
    """
    models = {row: load_model(name) for row, name in settings.models.items()}
    first = next(iter(models.values()))
    excerpts = choose(settings.data, settings.split, settings.count, settings.seconds, settings.policies, first.grid)
    folder = settings.out / "cells" / _key(settings, excerpts)
    metrics: dict[str, ClipMetric] = build_metrics(settings.metrics)
    players: dict[str, Player] = {row: _play(model, settings) for row, model in models.items()}
    players |= _anchors(first, excerpts, settings)
    versions = {row: model.sha256[:12] for row, model in models.items()}
    versions |= {"random": "data", "ceiling": state_hash(first.codec.state_dict())[:12]}
    cells = [
        Cell(row, policy, prompting, versions[row])
        for row in players
        for policy in settings.policies
        for prompting in (PROMPTINGS if ROWS[row].prompted else ("without",))
    ]
    scores: list[ClipScores] = []
    total = len(cells) * -(-len(excerpts) // BATCH)
    with tqdm(total=total, desc="Table 1", unit="batch") as bar:
        for cell in cells:
            batches = score_cell(
                cell, excerpts, players[cell.row], metrics, folder, settings.data, settings.seconds, first.sample_rate
            )
            for records in batches:
                prompting = cell.prompting if ROWS[cell.row].prompted else ""
                scores += [
                    ClipScores(**record, row=cell.row, prompting=prompting, policy=cell.policy) for record in records
                ]
                bar.update()
    about = {
        "excerpts": len(excerpts), "works": len({excerpt.work for excerpt in excerpts}),
        "split": settings.split, "seconds": settings.seconds, "guidance": settings.guidance,
        "temperature": settings.temperature, "description": "of the target item, from the data set",
        **{f"model of {row}": f"{model.name} ({model.sha256[:12]})" for row, model in models.items()},
    }  # fmt: skip
    return tabulate(scores, columns_of(metrics), SEED, about=about)

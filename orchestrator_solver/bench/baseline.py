"""Whether the baseline follows the reference it is given: SIM to it against SIM to another work's."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from dataset_builder.bench.measurement import Report
from dataset_builder.errors import UserError
from dataset_builder.seeds import seed_of

from ..evaluation.cells import BATCH
from ..evaluation.excerpts import TestExcerpt, choose
from ..evaluation.players import through_codec
from ..features.chroma import Chroma
from ..generation.model import OrchestratorModel
from ..generation.orchestrate import orchestrate
from ..generation.sampling import SamplingSettings
from ..metrics.sim import sim
from ..statistics.bootstrap import Interval, bootstrap, lines_of, paired_bootstrap


@dataclass(frozen=True)
class MelodyReport(Report):
    """How a model follows its reference.

    Attributes:
        own: SIM to the reference it was given.
        other: SIM to another work's reference.
        difference: paired, over works.
        ceiling: SIM of the targets through the codec to the references.
    """

    own: Interval
    other: Interval
    difference: Interval
    ceiling: Interval

    def text(self) -> str:
        """The report for a terminal."""
        return lines_of({
            "SIM, own": self.own, "SIM, shuffled": self.other, "difference": self.difference,
            "codec ceiling": self.ceiling,
        })  # fmt: skip


def bench_melody(
    root: Path, model: OrchestratorModel, split: str = "test", count: int = 208, seconds: float = 8.0,
    policy: str = "self",
) -> MelodyReport:  # fmt: skip
    """Generate from `count` references of held-out works and measure whose melody is played.

    Raises:
        UserError: if the data set is missing, or all excerpts are of one work.
    """
    rate = model.sample_rate
    excerpts = choose(root, split, count, seconds, (policy,), model.grid)
    others, works = _of_other_works(excerpts), [excerpt.work for excerpt in excerpts]
    played, given = [], []
    for begin in tqdm(range(0, len(excerpts), BATCH), "melody", unit="batch"):
        batch = excerpts[begin : begin + BATCH]
        requests = [excerpt.request(excerpt.reference(policy, rate), "with", policy) for excerpt in batch]
        seeds = [seed_of(excerpt.item.id, "melody") % 2**31 for excerpt in batch]
        recordings = orchestrate(model, requests, SamplingSettings(), seconds, seeds=seeds)
        played.append(_stacked([recording.wav for recording in recordings]))
        given.append(_stacked([request.reference.wav for request in requests]))
    chroma = Chroma(rate)
    generated, references = torch.cat(played), torch.cat(given)
    own = sim(generated, references, chroma).numpy()
    other = sim(generated, references[others], chroma).numpy()
    coded = torch.cat([through_codec(model.codec, batch) for batch in given])
    return MelodyReport(
        bootstrap(own, works, 0), bootstrap(other, works, 0), paired_bootstrap(own, other, works, 0),
        bootstrap(sim(coded, references, chroma).numpy(), works, 0),
    )  # fmt: skip


def _of_other_works(excerpts: Sequence[TestExcerpt]) -> list[int]:
    """For each excerpt the place of the next one that is of another work."""
    if len({excerpt.work for excerpt in excerpts}) < 2:
        raise UserError(f"{len(excerpts)} excerpts of one work or none: expected several works, whose melodies differ")
    order = []
    for place, excerpt in enumerate(excerpts):
        turns = ((place + step) % len(excerpts) for step in range(1, len(excerpts)))
        order.append(next(other for other in turns if excerpts[other].work != excerpt.work))
    return order


def _stacked(wavs: Sequence[np.ndarray]) -> torch.Tensor:
    """Audio `[B, 1, T]` of clips `[T]`."""
    return torch.from_numpy(np.stack(wavs))[:, None]

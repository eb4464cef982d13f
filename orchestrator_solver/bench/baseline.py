"""Whether the baseline follows the reference it is given: SIM to it against SIM to another work's."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from tqdm import tqdm

from dataset_builder.bench.measurement import Report
from dataset_builder.seeds import seed_of

from ..evaluation.cells import BATCH, audio_of
from ..evaluation.excerpts import TestExcerpt, choose
from ..features.chroma import Chroma
from ..generation.model import load_model
from ..metrics.bootstrap import Interval, bootstrap, paired_bootstrap
from ..metrics.sim import sim


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
        return "\n".join(
            f"{name:18} {value.mean:.3f} [{value.low:.3f}, {value.high:.3f}]  {value.n} clips, {value.groups} works"
            for name, value in (
                ("SIM, own", self.own), ("SIM, shuffled", self.other), ("difference", self.difference),
                ("codec ceiling", self.ceiling),
            )
        )  # fmt: skip


def _shuffled(excerpts: list[TestExcerpt], references: torch.Tensor) -> torch.Tensor:
    """For each excerpt the reference of the next one that is of another work."""
    order = []
    for place, excerpt in enumerate(excerpts):
        turns = [(place + step) % len(excerpts) for step in range(1, len(excerpts))]
        order.append(next(other for other in turns if excerpts[other].work != excerpt.work))
    return references[order]


def bench_melody(
    root: Path, name: str, split: str = "test", count: int = 208, seconds: float = 8.0, policy: str = "self"
) -> MelodyReport:
    """Generate from `count` references of held-out works and measure whose melody is played.

    Raises:
        UserError: if the data set or the model is missing.
    """
    model = load_model(name)
    rate = model.sample_rate
    excerpts = choose(root, split, count, seconds, (policy,), model.grid)
    references = torch.from_numpy(np.stack(audio_of(excerpts, policy, root, seconds, rate)))[:, None]
    played, coded = [], []
    for begin in tqdm(range(0, len(excerpts), BATCH), "melody", unit="batch"):
        batch, given = excerpts[begin : begin + BATCH], references[begin : begin + BATCH]
        prompts = [excerpt.prompts["with"] for excerpt in batch]
        seed = seed_of(batch[0].item.id, "melody") % 2**31
        played.append(model.generate(prompts, list(given[:, 0]), rate, duration=seconds, seed=seed))
        with torch.no_grad():
            coded.append(model.codec.decode(model.codec.encode(given)[0], None)[..., : given.shape[-1]])
    chroma = Chroma(rate)
    generated = torch.cat(played)
    own = sim(generated, references, chroma).numpy()
    other = sim(generated, _shuffled(excerpts, references), chroma).numpy()
    ceiling = sim(torch.cat(coded), references, chroma).numpy()
    works = [excerpt.work for excerpt in excerpts]
    return MelodyReport(
        bootstrap(own, works, 0), bootstrap(other, works, 0), paired_bootstrap(own, other, works, 0),
        bootstrap(ceiling, works, 0),
    )  # fmt: skip

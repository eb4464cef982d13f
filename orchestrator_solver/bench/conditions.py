"""What a model gains from what it is told: the cross-entropy of true codes under true, other and no conditions.

Guidance can only strengthen what is there: a model that codes' own past tells as much as prompt or reference plays the
same whatever it is asked for. Gains are in nats a code, more is better.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from audiocraft.modules.conditioners import ConditioningAttributes
from torch.nn import functional
from tqdm import tqdm

from dataset_builder.bench.measurement import Report
from dataset_builder.errors import UserError

from ..decoding.guidance import Guidance
from ..decoding.passes import conditions_of, without
from ..evaluation.excerpts import TestExcerpt, choose
from ..generation.model import OrchestratorModel
from ..statistics.bootstrap import Interval, bootstrap

SEED, POLICY = 2043, "stem"
TRUE = "all that is true"
Told = Callable[[ConditioningAttributes, ConditioningAttributes], ConditioningAttributes]  # an excerpt's, another's

OTHERS: dict[str, Told] = {
    "another's prompt": lambda own, other: ConditioningAttributes(text=other.text, wav=own.wav),
    "no prompt": lambda own, other: without(own, ("text",)),
    "another's reference": lambda own, other: ConditioningAttributes(text=own.text, wav=other.wav),
    "no reference": lambda own, other: without(own, ("wav",)),
    "nothing": lambda own, other: without(own, ("text", "wav")),
}


@dataclass(frozen=True)
class ConditionsReport(Report):
    """How well codes are foretold.

    Attributes:
        true: cross-entropy by codebook, in nats, told what is true.
        gains: by what is told in its place, how much more it is then, over all codebooks.
        chance: of a code, in nats: the logarithm of how many there are.
    """

    true: tuple[Interval, ...]
    gains: Mapping[str, Interval]
    chance: float

    def text(self) -> str:
        """The report for a terminal."""
        lines = [f"cross-entropy, told {TRUE} (chance {self.chance:.3f}), by codebook"]
        lines += [f"  {number}  {interval.text()}" for number, interval in enumerate(self.true, 1)]
        lines += ["and how much more it is, told instead"]
        return "\n".join([*lines, *(f"  {told:20s} {gain.text(signed=True)}" for told, gain in self.gains.items())])


def bench_conditions(
    root: Path, model: OrchestratorModel, split: str = "valid", count: int = 60, seconds: float = 8.0
) -> ConditionsReport:
    """Foretell the codes of up to `count` excerpts.

    Args:
        root: the data set's folder.
        model: who foretells.
        split: of the data set.
        count: excerpts.
        seconds: of each.

    Raises:
        UserError: if the data set is missing, or all excerpts are of one work.
    """
    words = model.instrument_words or "classes"
    excerpts = choose(root, split, count, seconds, (POLICY,), model.grid, words, "reference")
    asked = [_asked(model, excerpt) for excerpt in excerpts]
    others = _of_other_works(excerpts)
    true: list[np.ndarray] = []
    gains: dict[str, list[float]] = {name: [] for name in OTHERS}
    for excerpt, own, other in zip(tqdm(excerpts, "excerpts", unit="excerpt"), asked, others, strict=True):
        codes = _codes(model, excerpt)
        entropy = _entropy(model, codes, own)
        true.append(entropy)
        for name, told in OTHERS.items():
            gains[name].append((_entropy(model, codes, told(own, asked[other])) - entropy).mean())
    works = [excerpt.work for excerpt in excerpts]
    return ConditionsReport(
        tuple(bootstrap(column, works, SEED) for column in np.stack(true, 1)),
        {name: bootstrap(np.array(column), works, SEED) for name, column in gains.items()},
        float(np.log(model.lm.card)),
    )  # fmt: skip


def _of_other_works(excerpts: Sequence[TestExcerpt]) -> list[int]:
    """For each excerpt the place of the next one of another work."""
    count = len(excerpts)
    found = [
        next((n % count for n in range(place + 1, place + count) if excerpts[n % count].work != own.work), None)
        for place, own in enumerate(excerpts)
    ]
    places = [place for place in found if place is not None]
    if len(places) < count or not count:
        raise UserError("all excerpts are of one work: whose conditions are another's needs two")
    return places


def _asked(model: OrchestratorModel, excerpt: TestExcerpt) -> ConditioningAttributes:
    request = excerpt.request(excerpt.reference(POLICY, model.sample_rate), "with", POLICY)
    return model.condition(request.prompt, request.reference, 0.0, excerpt.seconds)


@torch.no_grad()
def _codes(model: OrchestratorModel, excerpt: TestExcerpt) -> torch.Tensor:
    wav = torch.from_numpy(excerpt.target(model.sample_rate))[None, None].to(model.placement.device)
    codes: torch.Tensor = model.codec.encode(wav)[0][:, : model.lm.n_q]
    return codes


@torch.no_grad()
def _entropy(model: OrchestratorModel, codes: torch.Tensor, told: ConditioningAttributes) -> np.ndarray:
    """Of each codebook, in nats a code `[K]`, as in training."""
    with model.placement.autocast():
        conditions = conditions_of(model.lm, [told], Guidance(1, 1))
        output = model.lm.compute_predictions(codes, [], conditions)
    lost = functional.cross_entropy(output.logits.float().movedim(-1, 1), codes, reduction="none")  # [1, K, T]
    kept = torch.where(output.mask, lost, torch.nan)
    found: np.ndarray = kept.nanmean(-1)[0].cpu().numpy()
    return found

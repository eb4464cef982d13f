"""Whether a model plays what it is asked for: one reference, two disjoint sets of instruments, the recogniser's ear.

Each excerpt is asked for twice: on the instruments of its own target, and on those of another work's excerpt that
shares none with it. The two takes are told apart if the recogniser finds each set more in the take that was asked for
it; chance is one half. Beside it the same of true items, through the codec: what a perfect model would reach.
"""

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
from ..generation.request import Request
from ..generation.sampling import SamplingSettings
from ..metrics.instruments import as_mask
from ..metrics.recogniser import Recogniser, shipped_recogniser
from ..metrics.sim import sim
from ..statistics.bootstrap import Interval, bootstrap, lines_of

SEED, POLICY = 2036, "stem"


@dataclass(frozen=True)
class SwapReport(Report):
    """How well takes of different requests are told apart.

    Attributes:
        takes: share of pairs of takes that are told apart.
        targets: of pairs of true items, through the codec.
        first: share of takes of one instrument in which it is heard above all others.
        first_of_targets: the same of true items.
        kept: SIM of the takes to their reference.
    """

    takes: Interval
    targets: Interval
    first: Interval
    first_of_targets: Interval
    kept: Interval

    def text(self) -> str:
        """The report for a terminal."""
        return lines_of({
            "told apart": self.takes, "true, codec": self.targets, "one, at first": self.first,
            "true one, codec": self.first_of_targets, "SIM": self.kept,
        })  # fmt: skip


@dataclass(frozen=True)
class _Pair:
    """An excerpt, and one of another work whose instruments are others."""

    own: TestExcerpt
    other: TestExcerpt


def bench_swap(
    root: Path, model: OrchestratorModel, sampling: SamplingSettings, split: str = "test", count: int = 120,
    seconds: float = 8.0, recogniser: Recogniser | None = None,
) -> SwapReport:  # fmt: skip
    """Play up to `count` excerpts on two sets of instruments each, by names alone.

    Args:
        root: the data set's folder.
        model: who plays.
        sampling: how; seeds are the excerpts' own.
        split: of the data set.
        count: excerpts that pairs are made of.
        seconds: of each.
        recogniser: who hears; by default the shipped one.

    Raises:
        UserError: if the data set is missing, or no two excerpts of different works share no instrument.
    """
    recogniser = recogniser or shipped_recogniser()
    pairs = _pairs(choose(root, split, count, seconds, (POLICY,), model.grid, model.instrument_words or "classes"))
    if not pairs:
        raise UserError(f"{root}: no two excerpts of {split} are of different works and share no instrument")
    rate, works = model.sample_rate, [pair.own.work for pair in pairs]
    played: list[list[np.ndarray]] = [[], []]
    for begin in tqdm(range(0, len(pairs), BATCH), "swaps", unit="batch"):
        for which, wavs in enumerate(_played(model, pairs[begin : begin + BATCH], sampling)):
            played[which] += wavs
    targets = [
        [_true(model, excerpt) for excerpt in side] for side in zip(*((p.own, p.other) for p in pairs), strict=True)
    ]
    own, other = (as_mask([getattr(pair, side).instruments for pair in pairs]) for side in ("own", "other"))
    takes, true = ([recogniser.probabilities(side, rate) for side in sides] for sides in (played, targets))
    references = np.stack([pair.own.reference(POLICY, rate).wav for pair in pairs])
    kept = sim(torch.from_numpy(np.stack(played[0]))[:, None], torch.from_numpy(references)[:, None], Chroma(rate))
    return SwapReport(
        bootstrap(_told_apart(takes, own, other), works, SEED), bootstrap(_told_apart(true, own, other), works, SEED),
        bootstrap(_first(takes, own, other), works * 2, SEED),
        bootstrap(_first(true, own, other), [*works, *(pair.other.work for pair in pairs)], SEED),
        bootstrap(kept.numpy(), works, SEED),
    )  # fmt: skip


def _pairs(excerpts: Sequence[TestExcerpt]) -> list[_Pair]:
    """Each excerpt with the next one of another work that shares no instrument, if there is one."""
    found = []
    for place, own in enumerate(excerpts):
        turned = [*excerpts[place + 1 :], *excerpts[:place]]
        fitting = (e for e in turned if e.work != own.work and not {*e.instruments} & {*own.instruments})
        if other := next(fitting, None):
            found.append(_Pair(own, other))
    return found


def _played(
    model: OrchestratorModel, pairs: Sequence[_Pair], sampling: SamplingSettings
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Takes of each pair's reference on its own instruments, and on the other's."""
    seeds, seconds = [seed_of(pair.own.item.id, "swap") % 2**31 for pair in pairs], pairs[0].own.seconds
    references = [pair.own.reference(POLICY, model.sample_rate) for pair in pairs]
    asked = [pair.own for pair in pairs], [pair.other for pair in pairs]
    requests = (
        [Request(reference, e.instruments, words=e.words) for reference, e in zip(references, side, strict=True)]
        for side in asked
    )
    own, other = (
        [recording.wav for recording in orchestrate(model, side, sampling, seconds, seeds=seeds)] for side in requests
    )
    return own, other


def _true(model: OrchestratorModel, excerpt: TestExcerpt) -> np.ndarray:
    wav = torch.from_numpy(excerpt.target(model.sample_rate))[None, None]
    found: np.ndarray = through_codec(model.codec, wav)[0, 0].float().numpy()
    return found


def _told_apart(probabilities: Sequence[np.ndarray], own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Whether the first of two `[B, 34]` has more of `own` against `other` than the second; a tie counts half `[B]`."""
    first, second = (_odds(each, own) - _odds(each, other) for each in probabilities)
    return np.where(np.isnan(first + second), np.nan, (first > second) + 0.5 * (first == second))


def _odds(probabilities: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean log-odds of the classes of a mask `[B, 34]`, clip by clip."""
    kept = np.clip(probabilities, 1e-6, 1 - 1e-6)
    odds = np.log(kept / (1 - kept))
    return np.where(mask, odds, 0).sum(1) / mask.sum(1)


def _first(probabilities: Sequence[np.ndarray], own: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of both takes of each pair `[2 B]`: whether the one instrument is heard most; NaN where more were asked for."""
    found = np.concatenate(probabilities)
    asked = np.concatenate([own, other])
    silent, first = np.isnan(found).any(1), np.nan_to_num(found).argmax(1)
    right = asked[np.arange(len(asked)), first].astype(np.float64)
    return np.where(silent | (asked.sum(1) != 1), np.nan, right)

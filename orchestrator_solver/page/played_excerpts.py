"""Held-out excerpts for the page: chosen, played by every model without and with description, and scored."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml

from dataset_builder.audio.spans import overlap, union
from dataset_builder.dataset.excerpt import audio_files
from dataset_builder.errors import UserError
from dataset_builder.items.item import Item
from dataset_builder.sources.untrusted_yaml import read_yaml

from ..evaluation.excerpts import TestExcerpt, choose, clips_of
from ..evaluation.players import ModelPlayer
from ..evaluation.rows import PROMPTINGS
from ..evaluation.table import columns_of, row_label
from ..generation.model import OrchestratorModel
from ..generation.recordings import within_scale
from ..generation.reference_audio import ReferenceAudio
from ..generation.sampling import SamplingSettings
from ..metrics.clips import ClipMetric, Clips
from .content import PageExcerpt, Take

PROMPT_LABELS = {"without": "Without description", "with": "With description"}
Played = dict[tuple[str, str], list[Take]]  # by row and prompting, a take an excerpt


def telling_excerpts(
    root: Path, split: str, count: int, seconds: float, policy: str, grid: float, instrument_words: str = "classes"
) -> list[TestExcerpt]:
    """Excerpts worth listening to, one a work: where the reference sounds longest, then of most instruments.

    The choice sees no model's output. What is played from the target itself is left out, unless the policy is `self`.

    Raises:
        UserError: if the split has none of several instruments.
    """

    def worth(excerpt: TestExcerpt) -> tuple[float, int]:
        sounding = overlap(union(*excerpt.references[policy].activity.values()), excerpt.start, excerpt.end)
        return round(sounding), len(excerpt.sounding)

    by_work: dict[str, list[TestExcerpt]] = {}
    for excerpt in choose(root, split, 10**6, seconds, (policy,), grid, instrument_words):
        other = excerpt.references[policy].id != excerpt.item.id
        if worth(excerpt)[1] > 1 and (other or policy == "self"):
            by_work.setdefault(excerpt.item.track, []).append(excerpt)
    if not by_work:
        raise UserError(f"{root}: no item of split {split!r} has several instruments for {seconds:g} s")
    return [max(members, key=worth) for members in by_work.values()][:count]


def play_excerpts(
    excerpts: Sequence[TestExcerpt], models: Mapping[str, OrchestratorModel], metrics: Mapping[str, ClipMetric],
    policy: str, sampling: SamplingSettings, progress: Callable[[float], None] | None = None,
) -> list[PageExcerpt]:  # fmt: skip
    """The page's excerpts, played without and with description by models (by row of Table 1, all at one rate)."""
    rate = next(iter(models.values())).sample_rate
    references = [excerpt.reference(policy, rate) for excerpt in excerpts]
    targets = [excerpt.target(rate) for excerpt in excerpts]
    cells = [(row, prompting) for prompting in PROMPTINGS for row in models]
    takes: Played = {}

    def share_done(cell: int) -> Callable[[float], None] | None:
        return None if progress is None else lambda share: progress((cell + share) / len(cells))

    for number, (row, prompting) in enumerate(cells):
        requests = [e.request(reference, prompting, policy) for e, reference in zip(excerpts, references, strict=True)]
        generated = ModelPlayer(models[row], sampling)(excerpts, policy, requests, progress=share_done(number)).wavs
        scores = _scores(metrics, clips_of(excerpts, requests, targets, generated, rate, policy))
        takes[row, prompting] = [
            Take(row, row_label(row, prompting), within_scale(wav), rate, score)
            for wav, score in zip(generated, scores, strict=True)
        ]
    return [
        _page_excerpt(excerpt, policy, reference, target, {cell: takes[cell][i] for cell in cells})
        for i, (excerpt, reference, target) in enumerate(zip(excerpts, references, targets, strict=True))
    ]


def _scores(metrics: Mapping[str, ClipMetric], clips: Clips) -> list[dict[str, float]]:
    headings = [column.heading for column in columns_of(metrics)]
    columns = dict(zip(headings, (metric(clips) for metric in metrics.values()), strict=True))
    return [{name: float(column[i]) for name, column in columns.items()} for i in range(len(clips.generated))]


def _page_excerpt(
    excerpt: TestExcerpt, policy: str, reference: ReferenceAudio, target: np.ndarray,
    takes: Mapping[tuple[str, str], Take],
) -> PageExcerpt:  # fmt: skip
    """What was given stands before what was played from it: a line without and a line with description."""
    source, rate = excerpt.references[policy], reference.sample_rate
    given = [Take("target", "Target, also the reference", within_scale(target), rate)]
    if source.id != excerpt.item.id:
        label = f"Reference: {', '.join(source.instruments)}"
        given = [Take("reference", label, within_scale(reference.wav), rate)]
        given.append(Take("target", "Target", within_scale(target), rate))
    lines = [[take for (_, prompting), take in takes.items() if prompting == which] for which in PROMPTINGS]
    ordered = [*given[:1], *lines[0], *given[1:], *lines[1]]
    note = f"{excerpt.item.id}, from {excerpt.start:.1f} s; played from {source.id}"
    prompts = {PROMPT_LABELS[which]: text for which, text in excerpt.prompts(policy).items()}
    return PageExcerpt(title_of(excerpt.item, excerpt.root), excerpt.sounding, prompts, ordered, note)


def title_of(item: Item, root: Path) -> str:
    """Composer and title for a work of the embedded corpus, else the track's name."""
    from dataset_builder.nano import works

    metadata = audio_files(item, root)[0].parents[1 if item.audio is None or "stems" in item.audio else 0]
    try:
        score = str(read_yaml(metadata / "metadata.yaml")["lmd_midi_dir"])
    except (OSError, ValueError, KeyError, TypeError, yaml.YAMLError):
        return item.track
    found = next((work for work in works.load() if score.endswith(work.path)), None)
    return f"{found.composer}: {found.title}" if found else item.track

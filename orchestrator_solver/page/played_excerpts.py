"""Held-out excerpts for the page: chosen, played by every model without and with description, and scored."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import yaml

from dataset_builder.audio.spans import overlap, union
from dataset_builder.dataset.excerpt import audio_files
from dataset_builder.errors import UserError
from dataset_builder.items.item import Item
from dataset_builder.seeds import seed_of

from ..evaluation.cells import audio_of
from ..evaluation.excerpts import TestExcerpt, choose
from ..evaluation.rows import PROMPTINGS
from ..evaluation.table import row_label
from ..generation.orchestrate import Model
from ..metrics.clips import ClipMetric, Clips
from .content import PageExcerpt, Take

PROMPT_LABELS = {"without": "Without description", "with": "With description"}
Played = dict[tuple[str, str], list[Take]]  # by row and prompting, a take an excerpt


def telling_excerpts(root: Path, split: str, count: int, seconds: float, policy: str, grid: float) -> list[TestExcerpt]:
    """Excerpts worth listening to, one a work: where the reference sounds longest, then of most instruments.

    The choice sees no model's output. What is played from the target itself is left out, unless the policy is `self`.

    Raises:
        UserError: if the split has none of several instruments.
    """

    def worth(excerpt: TestExcerpt) -> tuple[float, int]:
        end, reference = excerpt.start + seconds, excerpt.references[policy]
        sounding = overlap(union(*reference.activity.values()), excerpt.start, end)
        return round(sounding), len(excerpt.item.sounding(excerpt.start, end))

    by_work: dict[str, list[TestExcerpt]] = {}
    for excerpt in choose(root, split, 10**6, seconds, (policy,), grid):
        other = excerpt.references[policy].id != excerpt.item.id
        if worth(excerpt)[1] > 1 and (other or policy == "self"):
            by_work.setdefault(excerpt.item.track, []).append(excerpt)
    if not by_work:
        raise UserError(f"{root}: no item of split {split!r} has several instruments for {seconds:g} s")
    return [max(members, key=worth) for members in by_work.values()][:count]


def play_excerpts(
    excerpts: Sequence[TestExcerpt], models: Mapping[str, Model], metrics: Mapping[str, ClipMetric], root: Path,
    seconds: float, policy: str, guidance: float = 3.0, temperature: float = 1.0,
    progress: Callable[[float], None] | None = None,
) -> list[PageExcerpt]:  # fmt: skip
    """The page's excerpts, played by models (by row of Table 1, all at one sample rate)."""
    rate = next(iter(models.values())).sample_rate
    references = audio_of(excerpts, policy, root, seconds, rate)
    targets = audio_of(excerpts, None, root, seconds, rate)
    instruments = [excerpt.item.sounding(excerpt.start, excerpt.start + seconds) for excerpt in excerpts]
    cells = [(row, prompting) for prompting in PROMPTINGS for row in models]
    takes: Played = {}

    def share_done(cell: int) -> Callable[[float], None] | None:
        return None if progress is None else lambda share: progress((cell + share) / len(cells))

    for number, (row, prompting) in enumerate(cells):
        prompts = [excerpt.prompts[prompting] for excerpt in excerpts]
        wavs = models[row].generate(
            prompts, references, rate, seconds, seed_of(excerpts[0].item.id, policy) % 2**31, guidance, temperature,
            progress=share_done(number), one_stem=[e.references[policy].kind == "stem" for e in excerpts],
        )  # fmt: skip
        generated = list(wavs[:, 0].float().numpy())
        scores = _scores(metrics, Clips(generated, targets, references, instruments, prompts, rate))
        takes[row, prompting] = [
            Take(row, row_label(row, prompting), _within_scale(wav), rate, score)
            for wav, score in zip(generated, scores, strict=True)
        ]
    return [
        _page_excerpt(excerpt, names, reference, target, {cell: takes[cell][i] for cell in cells}, root, policy, rate)
        for i, (excerpt, names, reference, target) in enumerate(
            zip(excerpts, instruments, references, targets, strict=True)
        )
    ]


def _scores(metrics: Mapping[str, ClipMetric], clips: Clips) -> list[dict[str, float]]:
    columns = {
        f"{metric.label} {'↑' if metric.higher_is_better else '↓'}": metric(clips) for metric in metrics.values()
    }
    return [{name: float(column[i]) for name, column in columns.items()} for i in range(len(clips.generated))]


def _page_excerpt(
    excerpt: TestExcerpt, instruments: Sequence[str], reference: np.ndarray, target: np.ndarray,
    takes: Mapping[tuple[str, str], Take], root: Path, policy: str, rate: int,
) -> PageExcerpt:  # fmt: skip
    """What was given stands before what was played from it: a line without and a line with description."""
    source = excerpt.references[policy]
    given = [Take("target", "Target, also the reference", _within_scale(target), rate)]
    if source.id != excerpt.item.id:
        label = f"Reference: {', '.join(source.instruments)}"
        given = [Take("reference", label, _within_scale(reference), rate)]
        given.append(Take("target", "Target", _within_scale(target), rate))
    lines = [[take for (_, prompting), take in takes.items() if prompting == which] for which in PROMPTINGS]
    ordered = [*given[:1], *lines[0], *given[1:], *lines[1]]
    note = f"{excerpt.item.id}, from {excerpt.start:.1f} s; played from {source.id}"
    prompts = {PROMPT_LABELS[which]: text for which, text in excerpt.prompts.items()}
    return PageExcerpt(title_of(excerpt.item, root), instruments, prompts, ordered, note)


def title_of(item: Item, root: Path) -> str:
    """Composer and title for a work of the embedded corpus, else the track's name."""
    from dataset_builder.nano import works

    metadata = audio_files(item, root)[0].parents[1 if item.audio is None or "stems" in item.audio else 0]
    try:
        score = str(yaml.safe_load((metadata / "metadata.yaml").read_text())["lmd_midi_dir"])
    except (OSError, KeyError, TypeError, yaml.YAMLError):
        return item.track
    found = next((work for work in works.load() if score.endswith(work.path)), None)
    return f"{found.composer}: {found.title}" if found else item.track


def _within_scale(wav: np.ndarray) -> np.ndarray:
    return wav / max(1.0, float(np.abs(wav).max(initial=0.0)))

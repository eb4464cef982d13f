"""Excerpts to train on: where the item sounds, what sounds in it, and the reference that it is conditioned on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from audiocraft.data.audio_dataset import AudioMeta
from audiocraft.data.music_dataset import MusicDataset, MusicInfo
from audiocraft.modules.conditioners import WavCondition

from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import draw_start, read_excerpt
from dataset_builder.errors import UserError
from dataset_builder.items import prompt
from dataset_builder.items.item import Item
from dataset_builder.seeds import rng_for

from ..features.feature_store import Store, name_of
from ..features.pitch_classes import ONE_STEM
from .balanced_order import BalancedOrder
from .reference_policy import choose_reference, policy_weights

ANY = "any kind"
DRAWS: dict[str, Callable[[dict[str, float]], dict[str, float]]] = {"kinds": dict, "items": lambda kinds: {ANY: 1.0}}
GRID = 0.32  # seconds: the nano excerpts start on frames of codec (40 ms) and chroma (64 ms) alike


@dataclass(frozen=True)
class Drawing:
    """How excerpts, prompts and references are drawn; see `orchestrator` in config/solver/orchestrator_base.yaml."""

    reference: dict[str, float]
    kinds: dict[str, float] = field(default_factory=lambda: {"mix": 1.0, "stem": 1.0, "submix": 1.0})
    names_p: float = 1.0
    names_partial: bool = False
    description_p: float = 0.5
    draw: str = "kinds"  # kinds | items
    grid: float = GRID


@dataclass(frozen=True)
class Excerpt:
    """A drawn target: which part of which item, conditioned on what."""

    item: Item
    start: float  # seconds
    reference: Item
    prompt: str | None


def draw_prompt(sounding: tuple[str, ...], description: str | None, drawing: Drawing, rng: np.random.Generator) -> str:
    """The prompt of an excerpt in which `sounding` play: some or all of the names, with or without description."""
    names = sounding
    if drawing.names_partial and len(names) > 1:
        keep = rng.integers(1, len(names) + 1)
        names = tuple(names[i] for i in sorted(rng.choice(len(names), keep, replace=False)))
    named, described = rng.random() < drawing.names_p, rng.random() < drawing.description_p
    return prompt.compose(names if named else (), description if described or not named else None)


class ExcerptDataset(MusicDataset):
    """Draws excerpts of a data set's items; the same index of the same epoch is always the same excerpt.

    Kinds come in the shares of their weights, and no item of a kind comes twice before all have come once
    (`BalancedOrder`); or all items are of one kind.
    Draws are seeded by (seed, epoch, index): they do not depend on workers.

    Args:
        root: the data set's folder.
        split: train | valid | test.
        drawing: how to draw.
        segment_duration: seconds.
        num_samples: length of an epoch; None is once every item.
        sample_rate: Hz of the audio that is returned.
        shuffle: draw anew in every epoch; otherwise each index is fixed.
        seed: base of all draws.
        store: where codes and pitch classes are; then no audio is read.
        items: the items, where they are already loaded.
    """

    def __init__(
        self, root: Path, split: str, drawing: Drawing, *, segment_duration: float, num_samples: int | None,
        sample_rate: int, shuffle: bool = True, seed: int = 0, store: Store | None = None,
        items: list[Item] | None = None,
    ) -> None:  # fmt: skip
        items = manifest.load(root, split) if items is None else items
        wanted = [item for item in items if drawing.kinds.get(item.kind, 0) > 0]
        meta = [AudioMeta(item.id, item.duration, item.sample_rate) for item in wanted]
        super().__init__(
            meta, segment_duration=segment_duration, num_samples=num_samples or len(meta), sample_rate=sample_rate,
            channels=1, shuffle=shuffle, sample_on_duration=False, sample_on_weight=False, info_fields_required=False,
        )  # fmt: skip
        self.root, self.seed, self.store, self.drawing = root, seed, store, drawing
        self.known = {item.id: item for item in items}
        self.weights = policy_weights(drawing.reference)
        if drawing.draw not in DRAWS:
            raise UserError(f"unknown orchestrator.draw={drawing.draw!r}, known: {', '.join(DRAWS)}")
        kinds = DRAWS[drawing.draw](drawing.kinds)
        self.by_kind: dict[str, list[Item]] = {kind: [] for kind in kinds}
        for item in wanted:
            self.by_kind[item.kind if item.kind in kinds else ANY].append(item)
        sizes = {kind: len(members) for kind, members in self.by_kind.items()}
        self.rotation = BalancedOrder(sizes, kinds, seed)

    def excerpt(self, index: int) -> Excerpt:
        """The excerpt of an index in the current epoch."""
        epoch = (self.current_epoch or 0) if self.shuffle else 0
        rng = rng_for(self.seed, "excerpt", epoch, index)
        item = self._item(epoch * len(self) + index)
        start = draw_start(item, self.segment_duration, rng)
        start = round(start / self.drawing.grid) * self.drawing.grid
        end = start + self.segment_duration
        reference = choose_reference(item, start, end, self.known, self.weights, rng)
        text = draw_prompt(item.sounding(start, end) or item.instruments, item.description, self.drawing, rng)
        return Excerpt(item, start, reference, text or None)

    def _item(self, position: int) -> Item:
        kind, index = self.rotation.at(position)
        return self.by_kind[kind][index]

    def __getitem__(self, index: int) -> tuple[torch.Tensor, MusicInfo]:
        """The excerpt's audio `[1, T]` (zeros where the store holds its codes) and what it is conditioned on."""
        excerpt = self.excerpt(index)
        samples = round(self.segment_duration * self.sample_rate)
        wav = reference = torch.zeros(1, samples)
        if self.store is None:
            wav = self._read(excerpt.item, excerpt.start)
            reference = wav if excerpt.reference is excerpt.item else self._read(excerpt.reference, excerpt.start)
        sounding = max(0.0, min(self.segment_duration, excerpt.item.duration - excerpt.start))
        info = MusicInfo(
            meta=AudioMeta(excerpt.item.id, excerpt.item.duration, excerpt.item.sample_rate),
            seek_time=excerpt.start, n_frames=round(sounding * self.sample_rate), total_frames=samples,
            sample_rate=self.sample_rate, channels=1, description=excerpt.prompt, name=excerpt.item.id,
        )  # fmt: skip
        info.self_wav = WavCondition(
            reference[None], torch.tensor([self._samples_of(excerpt.reference, excerpt.start)]), [self.sample_rate],
            [self._path_of(excerpt.reference)], [excerpt.start],
        )  # fmt: skip
        if self.store is not None:
            info.audio_tokens = self._codes(excerpt)
        return wav, info

    def _samples_of(self, item: Item, start: float) -> int:
        """Samples of an excerpt before the item's end; at least one, for a reference without any is a dropped one."""
        seconds = min(self.segment_duration, item.duration - start)
        return max(1, round(seconds * self.sample_rate))

    def _path_of(self, reference: Item) -> str | None:
        """What the condition is told of its reference: which of the store's it is, or that it is no mix."""
        if self.store is not None:
            return name_of(reference)
        return ONE_STEM if reference.kind == "stem" else None

    def _read(self, item: Item, start: float) -> torch.Tensor:
        return torch.from_numpy(read_excerpt(item, self.root, start, self.segment_duration, self.sample_rate))[None]

    def _codes(self, excerpt: Excerpt) -> torch.Tensor:
        assert self.store is not None
        rate = self.store.codec_frame_rate
        return self.store.codes(excerpt.item, round(excerpt.start * rate), round(self.segment_duration * rate))

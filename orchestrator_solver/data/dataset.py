"""Excerpts to train on: where the item sounds, what sounds in it, and the reference that it is conditioned on."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from audiocraft.data.audio_dataset import AudioMeta
from audiocraft.data.music_dataset import MusicDataset, MusicInfo
from audiocraft.modules.conditioners import WavCondition

from dataset_builder.dataset.excerpt import draw_start, read_excerpt
from dataset_builder.items.item import Item
from dataset_builder.seeds import rng_for

from ..features.conditions import audio_reference
from ..features.store_reader import StoreReader
from .balanced_order import BalancedOrder
from .excerpt_sampling import ANY, ExcerptSampling
from .reference_policy import choose_reference, policy_weights


@dataclass(frozen=True)
class Excerpt:
    """A drawn target: which part of which item, conditioned on what."""

    item: Item
    start: float  # seconds
    reference: Item
    prompt: str | None


class ExcerptDataset(MusicDataset):
    """Draws excerpts of a data set's items; the same index of the same epoch is always the same excerpt.

    Kinds come in the shares of their weights, and no item of a kind comes twice before all have come once
    (`BalancedOrder`); or all items are of one kind.
    Draws are seeded by (seed, epoch, index): they do not depend on workers.

    Args:
        root: the data set's folder.
        items: of a split.
        sampling: how to draw.
        segment_duration: seconds.
        num_samples: length of an epoch; None is once every item.
        sample_rate: Hz of the audio that is returned.
        shuffle: draw anew in every epoch; otherwise each index is fixed.
        seed: base of all draws.
        store: what was computed of the items and their prompts; then no audio is read.
        with_audio: read audio all the same, and only the prompts' states from the store.

    Raises:
        UserError: if the store lacks some of the items.
    """

    def __init__(
        self, root: Path, items: Sequence[Item], sampling: ExcerptSampling, *, segment_duration: float,
        num_samples: int | None, sample_rate: int, shuffle: bool = True, seed: int = 0,
        store: StoreReader | None = None, with_audio: bool = False,
    ) -> None:  # fmt: skip
        wanted = sampling.wanted(items)
        meta = [AudioMeta(item.id, item.duration, item.sample_rate) for item in wanted]
        super().__init__(
            meta, segment_duration=segment_duration, num_samples=num_samples or len(meta), sample_rate=sample_rate,
            channels=1, shuffle=shuffle, sample_on_duration=False, sample_on_weight=False, info_fields_required=False,
        )  # fmt: skip
        self.root, self.seed, self.sampling = root, seed, sampling
        self.known = {item.id: item for item in items}
        self.weights = policy_weights(sampling.reference)
        groups = sampling.groups()
        self.by_group: dict[str, list[Item]] = {group: [] for group in groups}
        for item in wanted:
            self.by_group[item.kind if item.kind in groups else ANY].append(item)
        self.order = BalancedOrder({group: len(members) for group, members in self.by_group.items()}, groups, seed)
        self.store, self.with_audio = store, with_audio or store is None
        if store is not None and not with_audio:
            store.require(items)

    def excerpt(self, index: int) -> Excerpt:
        """The excerpt of an index in the current epoch."""
        epoch = (self.current_epoch or 0) if self.shuffle else 0
        rng = rng_for(self.seed, "excerpt", epoch, index)
        group, place = self.order.at(epoch * len(self) + index)
        item = self.by_group[group][place]
        start = draw_start(item, self.segment_duration, rng)
        start = round(start / self.sampling.grid) * self.sampling.grid
        end = start + self.segment_duration
        reference = choose_reference(item, start, end, self.known, self.weights, rng)
        text = self.sampling.prompt(item, start, end, rng)
        return Excerpt(item, start, reference, text or None)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, MusicInfo]:
        """The excerpt's audio `[1, T]` (zeros where the store holds its codes) and what it is conditioned on."""
        excerpt = self.excerpt(index)
        samples = round(self.segment_duration * self.sample_rate)
        sounding = max(0.0, min(self.segment_duration, excerpt.item.duration - excerpt.start))
        wav = self._read(excerpt.item, excerpt.start) if self.with_audio else torch.zeros(1, samples)
        found = {"self_wav": self._reference(excerpt, wav)} if self.with_audio else self._stored(excerpt)
        return wav, MusicInfo(
            meta=AudioMeta(excerpt.item.id, excerpt.item.duration, excerpt.item.sample_rate),
            seek_time=excerpt.start, n_frames=round(sounding * self.sample_rate), total_frames=samples,
            sample_rate=self.sample_rate, channels=1, description=self._prompt(excerpt), name=excerpt.item.id, **found,
        )  # fmt: skip

    def _stored(self, excerpt: Excerpt) -> dict[str, Any]:
        """Codes of the target and pitch classes of the reference, by their names in `MusicInfo`."""
        assert self.store is not None
        return {
            "audio_tokens": self.store.codes(excerpt.item, excerpt.start, self.segment_duration),
            "self_wav": self.store.reference(excerpt.reference, excerpt.start, self._length(excerpt)),
        }

    def _prompt(self, excerpt: Excerpt) -> str | None:
        return self.store.prompt(excerpt.prompt) if self.store and excerpt.prompt else excerpt.prompt

    def _length(self, excerpt: Excerpt) -> int:
        """Samples of the reference before its item's end."""
        seconds = min(self.segment_duration, excerpt.reference.duration - excerpt.start)
        return round(seconds * self.sample_rate)

    def _reference(self, excerpt: Excerpt, target: torch.Tensor) -> WavCondition:
        reference = excerpt.reference
        wav = target if reference is excerpt.item else self._read(reference, excerpt.start)
        return audio_reference(wav, self._length(excerpt), self.sample_rate, reference.kind == "stem")

    def _read(self, item: Item, start: float) -> torch.Tensor:
        return torch.from_numpy(read_excerpt(item, self.root, start, self.segment_duration, self.sample_rate))[None]

"""Fills a data set's store: codes, pitch classes and text states of every item, once, resumable, in parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from audiocraft.models.encodec import CompressionModel
from omegaconf import DictConfig, OmegaConf
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from dataset_builder.audio.limits import require_room
from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import read_excerpt
from dataset_builder.items.item import Item
from dataset_builder.runtime.shards import Shard

from ..configuration import preflight
from ..data.excerpt_sampling import ExcerptSampling
from ..features.feature_store import Entry, contents_of
from ..features.text_store import TextStore
from ..models.t5_conditioner import StoredT5Conditioner
from .all_prompts import prompts_of
from .encoders import FrozenEncoders

PIECE_SECONDS, MARGIN_SECONDS = 10.0, 1.0  # of audio that is encoded at once, and around it
WHOLE = Shard(1, 1)


@dataclass(frozen=True)
class Prepared:
    """What a run of `prepare` did: items that were whole already, items made, and texts made."""

    kept: int
    made: int
    texts: int = 0


@dataclass(frozen=True)
class Texts:
    """Which prompts are computed: all that excerpts of so many seconds, drawn so, can have."""

    seconds: float
    sampling: ExcerptSampling


class _Audio(Dataset):
    """The audio `[T]` of whole items."""

    def __init__(self, items: list[Item], root: Path, sample_rate: int) -> None:
        self.items, self.root, self.sample_rate = items, root, sample_rate

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> torch.Tensor:
        item = self.items[index]
        return torch.from_numpy(read_excerpt(item, self.root, 0.0, item.duration, self.sample_rate))


class _Entries(_Audio):
    """The entries of whole items, made where they are read: for models on a CPU."""

    def __init__(self, items: list[Item], root: Path, encoders: FrozenEncoders) -> None:
        super().__init__(items, root, encoders.codec.sample_rate)
        self.encoders = encoders

    def __getitem__(self, index: int) -> Entry:  # type: ignore[override]
        return entry_of(self.encoders, self.items[index], super().__getitem__(index))


@torch.no_grad()
def entry_of(encoders: FrozenEncoders, item: Item, wav: torch.Tensor) -> Entry:
    """What is kept of an item whose audio is `[T]`, computed on the models' device and in their precision."""
    audio = wav[None, None].to(encoders.device)
    with encoders.placement.autocast():
        classes = encoders.melody.pitch_classes_of_item(audio, one_stem=item.kind == "stem")
        return Entry(encode(encoders.codec, audio)[0].cpu(), classes.cpu())


def encode(codec: CompressionModel, wav: torch.Tensor) -> torch.Tensor:
    """Codes `[B, K, S]` of audio `[B, 1, T]` of any length, in pieces whose activations fit a CPU's cache.

    Each piece is encoded with a second of what is around it, so that the seams are not heard; at 16 kHz this is five
    times faster than the whole at once. A codec that sees less than a second gives the codes of the whole; EnCodec's
    LSTM remembers longer, and gives nearly those.
    """
    hop = round(codec.sample_rate / codec.frame_rate)
    frames, margin = round(PIECE_SECONDS * codec.frame_rate), round(MARGIN_SECONDS * codec.frame_rate)
    parts = []
    for start in range(0, wav.shape[-1], frames * hop):
        first = max(0, start - margin * hop)
        codes, scale = codec.encode(wav[..., first : start + (frames + margin) * hop])
        assert scale is None, "a codec that rescales has no place in a language model"
        skip = (start - first) // hop
        parts.append(codes[..., skip : skip + frames])
    return torch.cat(parts, dim=-1)


def fill(
    root: Path, encoders: FrozenEncoders, splits: Sequence[str] = manifest.SPLITS, *, workers: int = 1,
    shard: Shard = WHOLE, texts: Texts | None = None,
) -> Prepared:  # fmt: skip
    """Compute what the store lacks of the items of `splits`: the same bytes whatever the workers, shards and kills.

    Args:
        root: the data set's folder.
        encoders: on their own device.
        splits: which splits.
        workers: processes; for models on a GPU they only read audio.
        shard: which part of the tracks, and of the texts' files.
        texts: which prompts are computed, if there is a text encoder.
    """
    items = [item for split in splits for item in manifest.load(root, split)]
    by_track: dict[str, list[Item]] = {}
    for item in items:
        by_track.setdefault(item.track, []).append(item)
    made, kept = _fill_tracks(root, encoders, shard.of(list(by_track.values())), workers)
    if encoders.text is None or texts is None:
        return Prepared(kept, made)
    return Prepared(kept, made, _fill_texts(root, encoders.text, items, texts, shard))


def _fill_tracks(root: Path, encoders: FrozenEncoders, tracks: Sequence[list[Item]], workers: int) -> tuple[int, int]:
    store = encoders.store(root)
    contents = [contents_of(root, items) for items in tqdm(tracks, "sources", unit="track")]
    missing = [index for index, items in enumerate(tracks) if not store.has(items[0].track, contents[index])]
    wanted = [item for index in missing for item in tracks[index]]
    for item in wanted:  # here, where it is told in one line, and before the first is computed
        require_room(f"item {item.id}", item.duration, max(item.sample_rate, encoders.codec.sample_rate))
    entries = _made(wanted, root, encoders, workers)
    for index in missing:
        found = {item.id: next(entries) for item in tracks[index]}
        store.put(tracks[index][0].track, contents[index], found)
    return len(wanted), sum(map(len, tracks)) - len(wanted)


def _made(items: list[Item], root: Path, encoders: FrozenEncoders, workers: int) -> Iterator[Entry]:
    """The entries of items, in order: on a CPU each is made by the process that reads it, on a GPU by this one."""
    audio = _Entries(items, root, encoders) if encoders.on_cpu else _Audio(items, root, encoders.codec.sample_rate)
    loader = DataLoader(audio, batch_size=None, num_workers=workers)
    bar = tqdm(loader, "codes and chroma", unit="item", disable=not items)
    for item, found in zip(items, bar, strict=True):
        yield found if isinstance(found, Entry) else entry_of(encoders, item, found)


def _fill_texts(root: Path, text: StoredT5Conditioner, items: list[Item], texts: Texts, shard: Shard) -> int:
    store = TextStore(root, text.identity)
    wanted = partial(prompts_of, seconds=texts.seconds, sampling=texts.sampling)
    prompts = {prompt for item in tqdm(items, "prompts", unit="item") for prompt in wanted(item)}
    missing = [(bucket, new) for bucket, new in store.missing(prompts).items() if _mine(bucket, shard)]
    for bucket, new in tqdm(missing, "text states", unit="file", disable=not missing):
        store.add(bucket, new, text.encode)
    return sum(len(new) for _, new in missing)


def _mine(bucket: int, shard: Shard) -> bool:
    return bucket % shard.count == shard.index - 1


def fill_for(cfg: DictConfig, *, workers: int = 1, shard: Shard = WHOLE) -> Prepared:
    """Compute what a run of this configuration will read, with the run's own models.

    Args:
        cfg: of the run; where its data are is absolute.
        workers: see `fill`.
        shard: see `fill`.

    Raises:
        UserError: if a model, the data set or the device cannot be had.
    """
    # The language model has no part in it, and the data of all stages have.
    frozen_alone = OmegaConf.merge(cfg, {"continue_from": None, "execute_only": None})
    assert isinstance(frozen_alone, DictConfig)
    preflight.check(frozen_alone)
    stages = ("train", "valid", "evaluate")
    places = {manifest.place_of(cfg.datasource[stage]) for stage in stages if cfg.datasource.get(stage)}
    encoders, done = FrozenEncoders.of_config(cfg), Prepared(0, 0)
    texts = Texts(float(cfg.dataset.segment_duration), ExcerptSampling.from_config(cfg))
    for root in sorted({root for root, _ in places}):
        splits = [split for split in manifest.SPLITS if (root, split) in places]
        part = fill(root, encoders, splits, workers=workers, shard=shard, texts=texts)
        done = Prepared(done.kept + part.kept, done.made + part.made, done.texts + part.texts)
    return done

"""Fills a data set's store: codes and pitch classes of every item, once, resumable."""

from dataclasses import dataclass
from pathlib import Path

import torch
from audiocraft.models.encodec import CompressionModel
from torch.utils.data import DataLoader, Dataset
from tqdm import tqdm

from dataset_builder import manifest
from dataset_builder.excerpt import audio_files, read_excerpt
from dataset_builder.items import Item

from .chroma_condition import pitch_classes
from .metrics.chroma import Chroma
from .store import Store, item_hash, state_hash


@dataclass(frozen=True)
class Prepared:
    """What a run of `prepare` did: items that were whole already, and items made."""

    kept: int
    made: int


class _Audio(Dataset):
    """The whole audio of items, `[1, T]`."""

    def __init__(self, items: list[Item], root: Path, sample_rate: int) -> None:
        self.items, self.root, self.sample_rate = items, root, sample_rate

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: int) -> tuple[str, torch.Tensor]:
        item = self.items[index]
        wav = read_excerpt(item, self.root, 0.0, item.duration, self.sample_rate)
        return item.id, torch.from_numpy(wav)[None]


@torch.no_grad()
def fill(
    root: Path, codec: CompressionModel, radix2_exp: int, splits: tuple[str, ...] = ("train", "valid", "test"),
    workers: int = 1,
) -> Prepared:  # fmt: skip
    """Compute what the store lacks of the items of `splits`.

    Args:
        root: the data set's folder.
        codec: encodes the audio, on its own device.
        radix2_exp: the chroma's window, see `ChromaConditioner`.
        splits: which splits.
        workers: processes that read audio.
    """
    store = Store(root, state_hash(codec), codec.frame_rate, radix2_exp)
    items = [item for split in splits for item in manifest.load(root, split)]
    contents = {item.id: item_hash(item, audio_files(item, root)) for item in items}
    missing = [item for item in items if not store.has(item.id, contents[item.id])]
    device = next(codec.parameters()).device
    chroma = Chroma(codec.sample_rate, radix2_exp, device)
    loader = DataLoader(_Audio(missing, root, codec.sample_rate), batch_size=None, num_workers=workers)
    for item_id, wav in tqdm(loader, "codes and chroma", unit="item", disable=not missing):
        wav = wav.to(device)[None]
        codes, _ = codec.encode(wav)
        classes = pitch_classes(chroma, wav)
        store.put(item_id, contents[item_id], codes[0].cpu(), classes[0].cpu())
    return Prepared(len(items) - len(missing), len(missing))

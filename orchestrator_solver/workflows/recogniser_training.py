"""Trains the recogniser of instruments on the stems of a data set, and measures it on works that it never heard.

Each clip is made anew: an instrument is drawn, all alike, then a stem of it, then others of the same track, or, to
part what always plays together, of other tracks; their sum is heard as it is or through the codec. All is drawn by the
clip's number, so that a run that goes on, or another machine, draws the same.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from audiocraft.models.encodec import CompressionModel
from safetensors.torch import save_file
from torch.nn.functional import binary_cross_entropy_with_logits
from tqdm import tqdm

from dataset_builder.audio.spans import Spans, overlap
from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import read_excerpt
from dataset_builder.dataset.finalize import SUMS
from dataset_builder.errors import UserError
from dataset_builder.items.item import LEAST_SOUNDING, Item
from dataset_builder.music.instruments import CLASSES
from dataset_builder.runtime import atomic
from dataset_builder.runtime.checksums import digest_of
from dataset_builder.seeds import rng_for, seed_of

from ..evaluation.players import device_of, through_codec
from ..metrics.recogniser import CARD, SAMPLE_RATE, SHIPPED, WEIGHTS, Recogniser, RecogniserNet
from ..models.loading import load_codec
from ..runtime.placement import placement
from ..weights.package import state_hash
from .recogniser_measuring import Trial, measured

CODEC = "//pretrained/nano-codec"
_SAVED = "training.pt"
_COMPANIONS = (0.4, 0.2, 0.2, 0.1, 0.1)  # how often a stem sounds with 0, 1, 2 ... others


@dataclass(frozen=True)
class RecogniserSettings:
    """How it is trained.

    Attributes:
        updates: how many.
        batch: clips of each.
        seconds: of a clip.
        lr: the largest learning rate.
        seed: of all that is drawn.
        tested: items that it is measured on.
        save_every: updates after which what is there is kept, for a run that goes on.
    """

    updates: int = 3000
    batch: int = 32
    seconds: float = 4.0
    lr: float = 2e-3
    seed: int = 0
    tested: int = 1000
    save_every: int = 200


@dataclass(frozen=True)
class Stem:
    """A stem in memory: its sound as int16 `[T]` at 16 kHz, its class, and when it sounds."""

    track: str
    instrument: str
    wav: np.ndarray
    spans: Spans


def load_stems(root: Path, split: str) -> list[Stem]:
    """All stems of a split, 2 MB a minute."""
    return [_stem(root, item) for item in tqdm(_stems(root, split), f"stems of {split}", unit="stem")]


def _stems(root: Path, split: str) -> list[Item]:
    return [item for item in manifest.load(root, split) if item.kind == "stem" and len(item.stems) == 1]


def _stem(root: Path, item: Item) -> Stem:
    wav = read_excerpt(item, root, 0.0, item.duration, SAMPLE_RATE)
    spans = item.activity[item.stems[0].id]
    return Stem(item.track, item.instruments[0], (np.clip(wav, -1, 1) * 32767).astype(np.int16), spans)


class ClipMaker:
    """Clips `[T]` and their labels `[34]` by number.

    Args:
        stems: of which they are made.
        settings: how long they are, and the seed.
    """

    def __init__(self, stems: Sequence[Stem], settings: RecogniserSettings) -> None:
        self.stems, self.settings = stems, settings
        self.of_class: dict[str, list[int]] = {}
        self.of_track: dict[str, list[int]] = {}
        for place, stem in enumerate(stems):
            self.of_class.setdefault(stem.instrument, []).append(place)
            self.of_track.setdefault(stem.track, []).append(place)
        self.classes = sorted(self.of_class)

    def __call__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """A clip and its labels."""
        rng = rng_for(self.settings.seed, "recogniser", number)
        first = int(rng.choice(self.of_class[self.classes[rng.integers(len(self.classes))]]))
        count = int(rng.choice(len(_COMPANIONS), p=_COMPANIONS))
        mates = self.of_track[self.stems[first].track] if rng.random() < 0.7 else range(len(self.stems))
        others = [place for place in rng.permutation(mates)[: count + 1] if place != first][:count]
        wav, labels = (
            np.zeros(round(self.settings.seconds * SAMPLE_RATE), np.float32),
            np.zeros(len(CLASSES), np.float32),
        )
        for place in (first, *others):
            self._add(self.stems[place], wav, labels, rng)
        return wav * np.float32(10 ** rng.uniform(-1.0, 0.0)), labels

    def _add(self, stem: Stem, wav: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> None:
        """A part of a stem in which it sounds, as loud as it is, or up to 9 dB softer."""
        spans = [span for span in stem.spans if span[1] - span[0] > LEAST_SOUNDING] or list(stem.spans)
        begin, end = spans[rng.integers(len(spans))]
        start = max(0.0, rng.uniform(begin, end) - rng.uniform(0, self.settings.seconds))
        if overlap(stem.spans, start, start + self.settings.seconds) < LEAST_SOUNDING:
            start = begin
        part = stem.wav[round(start * SAMPLE_RATE) :][: len(wav)]
        wav[: len(part)] += part * np.float32(10 ** rng.uniform(-0.45, 0.0) / 32767)
        labels[CLASSES.index(stem.instrument)] = 1.0


def make_recogniser(
    data: Path, out: Path | None = None, updates: int = RecogniserSettings.updates, workers: int = 1,
    device: str = "cpu",
) -> dict[str, float]:  # fmt: skip
    """Train a recogniser with the shipped codec; returns its mean average precisions.

    Args:
        data: the data set's folder.
        out: of the recogniser; by default that of the shipped one.
        updates: how many.
        workers: threads of torch.
        device: a word of `runtime.placement`; clips are drawn on the CPU, the same ones everywhere.

    Raises:
        UserError: as `train_recogniser`, or if there is no such device.
    """
    torch.set_num_threads(workers)
    codec = load_codec(CODEC, placement(device).device)
    card = train_recogniser(data, out or SHIPPED, codec, CODEC, RecogniserSettings(updates=updates))
    means: dict[str, float] = card["mean average precision"]
    return means


def train_recogniser(
    root: Path, out: Path, codec: CompressionModel, codec_name: str, settings: RecogniserSettings
) -> dict[str, Any]:
    """Train, measure, and write the weights in half precision with their card; returns the card.

    A run that was stopped goes on, and ends with the same weights; one of the same that has ended is not made again.

    Args:
        root: the data set's folder.
        out: of the recogniser.
        codec: through which half of the clips are heard; the recogniser is trained on its device.
        codec_name: of it.
        settings: how to train.

    Raises:
        UserError: if the data set has no stems to train on, or nothing to be measured on.
    """
    taught = _taught(root)
    made_of = {
        "settings": asdict(settings), "codec": codec_name, "codec weights": state_hash(codec.state_dict()),
        "data": digest_of(root / SUMS), "trained on": taught,
    }  # fmt: skip
    if card := _finished(out, made_of):
        return card
    torch.manual_seed(settings.seed)
    net = _fit(ClipMaker(load_stems(root, "train"), settings), out, codec, settings, made_of)
    state = {name: value.half().contiguous().cpu() for name, value in net.state_dict().items()}
    net.load_state_dict({name: value.float() for name, value in state.items()})
    trial = Trial(settings.seconds, settings.seed, settings.tested)
    card = {"sha256": "", **made_of, **measured(Recogniser(net.eval(), {}, ""), root, codec, trial)}
    with atomic.replacing(out / WEIGHTS) as temporary:
        save_file(state, temporary)
        temporary.chmod(0o644)
    card["sha256"] = digest_of(out / WEIGHTS)
    atomic.write_json(out / CARD, card)
    (out / _SAVED).unlink(missing_ok=True)
    return card


def _taught(root: Path) -> dict[str, int]:
    """How many stems there are of each class to train on.

    Raises:
        UserError: if of fewer than two, or there is nothing to be measured on.
    """
    for split in ("valid", "test"):
        if not any(item.kind != "mix" for item in manifest.load(root, split)):
            raise UserError(f"{root} has no stems and submixes in {split}: nothing to be measured on")
    taught = Counter(item.instruments[0] for item in _stems(root, "train"))
    if len(taught) < 2:
        raise UserError(f"{root} has stems of {len(taught)} instruments to train on: expected two at least")
    return dict(sorted(taught.items()))


def _finished(out: Path, made_of: Mapping[str, Any]) -> dict[str, Any] | None:
    """The card of a recogniser that is there, whole, and made of the same."""
    try:
        card = Recogniser.load(out).card
    except UserError:
        return None
    return card if made_of.items() <= card.items() else None


def _fit(
    maker: ClipMaker, out: Path, codec: CompressionModel, settings: RecogniserSettings, made_of: Mapping[str, Any]
) -> RecogniserNet:
    net = RecogniserNet().to(device_of(codec))
    optimizer = torch.optim.AdamW(net.parameters(), lr=settings.lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.lr, total_steps=settings.updates + 1)
    begun = _go_on(out / _SAVED, net, optimizer, schedule, made_of)
    bar = tqdm(range(begun, settings.updates), "recogniser", settings.updates, initial=begun, unit="update")
    for update in bar:
        torch.manual_seed(seed_of(settings.seed, "recogniser update", update) % 2**63)
        loss = _loss(net.train(), maker, update, codec, settings)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        bar.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
        if (update + 1) % settings.save_every == 0:
            parts: dict[str, Any] = {"net": net, "optimizer": optimizer, "schedule": schedule}
            states = {name: part.state_dict() for name, part in parts.items()}
            with atomic.replacing(out / _SAVED) as temporary:
                torch.save({"made of": dict(made_of), "updates": update + 1, **states}, temporary)
    return net


def _loss(
    net: RecogniserNet, maker: ClipMaker, update: int, codec: CompressionModel, settings: RecogniserSettings
) -> torch.Tensor:
    """The cross-entropy of a batch, of which one half is heard through the codec."""
    clips = [maker(update * settings.batch + place) for place in range(settings.batch)]
    wav, wanted = (torch.from_numpy(np.stack(values)) for values in zip(*clips, strict=True))
    half, device = settings.batch // 2, device_of(codec)
    wav[:half] = through_codec(codec, wav[:half, None])[:, 0, : wav.shape[-1]]
    return binary_cross_entropy_with_logits(net(wav.to(device)), wanted.to(device))


def _go_on(path: Path, net: RecogniserNet, optimizer: Any, schedule: Any, made_of: Mapping[str, Any]) -> int:
    """Take up what a stopped run left; returns how many updates it made: none if it was made of something else."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.is_file():
        return 0
    saved = torch.load(path, weights_only=True, map_location="cpu")  # what takes it brings it to its own device
    if saved["made of"] != made_of:
        return 0
    net.load_state_dict(saved["net"])
    optimizer.load_state_dict(saved["optimizer"])
    schedule.load_state_dict(saved["schedule"])
    return int(saved["updates"])

"""How well a codec keeps pitch and timbre, on works that no training split holds."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from audiocraft.losses.specloss import MelSpectrogramWrapper
from audiocraft.models import builders
from audiocraft.models.encodec import CompressionModel
from omegaconf import DictConfig
from tqdm import tqdm

from dataset_builder.bench.measurement import Report
from dataset_builder.dataset import manifest
from dataset_builder.dataset.excerpt import draw_start, read_excerpt
from dataset_builder.items.item import Item
from dataset_builder.music.instruments import PITCHED
from dataset_builder.seeds import rng_for

from ..data.works import work_namer
from ..evaluation.players import through_codec
from ..features.chroma import Chroma
from ..metrics.sim import sim
from ..models import loading
from ..runtime.placement import Placement
from ..statistics.bootstrap import Interval, bootstrap, lines_of
from ..weights.package import Package

BATCH = 16


@dataclass(frozen=True)
class CodecReport(Report):
    """Scores of a codec.

    Attributes:
        stems: chroma argmax agreement of original and reconstruction on voiced frames, of single pitched stems.
        mixes: chroma argmax agreement of mixes.
        log_mel: mean absolute difference of log10 mel spectrograms, of stems and mixes.
        untrained_log_mel: what `log_mel` is for this architecture before training.
    """

    stems: Interval
    mixes: Interval
    log_mel: Interval
    untrained_log_mel: Interval

    def text(self) -> str:
        """The report for a terminal."""
        lines = lines_of({
            "chroma, stems": self.stems, "chroma, mixes": self.mixes, "log-mel distance": self.log_mel,
            "untrained log-mel": self.untrained_log_mel,
        })  # fmt: skip
        drop = 1 - self.log_mel.mean / self.untrained_log_mel.mean
        return f"{lines}\nlog-mel distance is {drop:.0%} below the untrained codec's"


def untrained(cfg: DictConfig, wav: torch.Tensor) -> CompressionModel:
    """The architecture of a codec before its first update: seeded weights, codebooks fitted to `wav` `[B, 1, T]`."""
    cfg.device = "cpu"
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        model = builders.get_compression_model(cfg)
        model.train()(wav)
    return model.eval()


def _clips(items: list[Item], count: int, seconds: float, root: Path, rate: int) -> tuple[torch.Tensor, list[str]]:
    """`count` clips `[N, 1, T]`, in turns from the items, and the compositions they come from."""
    wavs, works, work_of = [], [], work_namer(root)
    for turn in range(count):
        item = items[turn % len(items)]
        start = draw_start(item, seconds, rng_for("bench codec", item.id, turn // len(items)))
        wavs.append(read_excerpt(item, root, start, seconds, rate))
        works.append(work_of(item))
    return torch.from_numpy(np.stack(wavs))[:, None], works


def _through(codec: CompressionModel, wavs: torch.Tensor, where: Placement) -> torch.Tensor:
    with where.autocast():
        parts = [through_codec(codec, part) for part in tqdm(wavs.split(BATCH), "codec", unit="batch")]
    return torch.cat(parts).float()


def _log_mel_distance(a: torch.Tensor, b: torch.Tensor, rate: int) -> np.ndarray:
    """Mean absolute difference of log10 mel spectrograms of each clip `[N]`."""
    mel = MelSpectrogramWrapper(n_fft=1024, hop_length=256, n_mels=64, sample_rate=rate, f_min=32.0)
    return (mel(a) - mel(b)).abs().mean((1, 2)).numpy()


def bench_codec(
    root: Path, package: Package, where: Placement, split: str = "test", count: int = 240, seconds: float = 4.0
) -> CodecReport:
    """Measure a codec, where and as precisely as is said, on `count` clips of single pitched stems and of mixes each.

    Raises:
        UserError: if the data set is missing.
    """
    codec = loading.build_codec_from_package(package, where.device)
    items = manifest.load(root, split)
    stems = [item for item in items if item.kind == "stem" and set(item.instruments) & PITCHED]
    mixes = [item for item in items if item.kind == "mix"]
    rate = codec.sample_rate
    stem_wavs, stem_works = _clips(stems, count, seconds, root, rate)
    mix_wavs, mix_works = _clips(mixes, count, seconds, root, rate)
    both, works = torch.cat([stem_wavs, mix_wavs]), stem_works + mix_works
    decoded = _through(codec, both, where)
    plain = _through(untrained(package.cfg, both[:: max(1, len(both) // 64)]).to(where.device), both, where)
    chroma = Chroma(rate)
    pairs = zip(decoded.split(BATCH), both.split(BATCH), strict=True)
    agreement = torch.cat([sim(ours, original, chroma) for ours, original in pairs]).numpy()
    return CodecReport(
        bootstrap(agreement[:count], stem_works, 0), bootstrap(agreement[count:], mix_works, 0),
        bootstrap(_log_mel_distance(decoded, both, rate), works, 0),
        bootstrap(_log_mel_distance(plain, both, rate), works, 0),
    )  # fmt: skip

"""KL divergence of what PaSST hears in the target and in the generated audio: the paper's, and a corrected one.

PaSST (https://arxiv.org/abs/2110.05069) was trained on AudioSet by a sigmoid and a binary cross-entropy for each of 527
classes, of which several sound at a time. audiocraft's `PasstKLDivergenceMetric` puts a softmax over them, as if one
ruled out the others, so that the surest few decide. That is `KL(PaSST)`, to compare with published figures.
`KL(PaSST, independent)` is the divergence of what the network does say, 527 answers that are independent: the sum of
theirs (Cover and Thomas, Elements of Information Theory, 2.5). Nothing has to be made to sum to 1, what is missing
counts as what is heard, and it is finite without an epsilon.
"""

from functools import lru_cache
from hashlib import sha256
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional

from dataset_builder.errors import UserError

from ...weights.known_files import PASST
from ...weights.safe_load import fill, nothing_unpickled, read_passt
from ..clips import Clips, require_numbers
from ..kl import kl_divergence
from .foreign_network import undisturbed

SAMPLE_RATE = 32_000
WINDOW = 20 * SAMPLE_RATE
SHORTEST = int(0.15 * SAMPLE_RATE)  # of no more samples than these the network makes no frame


def passt_network() -> torch.nn.Module:
    """PaSST as `hear21passt.base20sec` builds it, with random weights: `[B, T]` at 32 kHz to logits `[B, 527]`."""
    from hear21passt.models.passt import get_model
    from hear21passt.models.preprocess import AugmentMelSTFT
    from hear21passt.wrapper import PasstBasicWrapper

    with undisturbed(), nothing_unpickled("PaSST"):
        net = get_model(arch="passt_20sec", input_tdim=2000, pretrained=False)
        mel = AugmentMelSTFT(n_mels=128, sr=SAMPLE_RATE, win_length=800, hopsize=320, n_fft=1024, fmin=0.0, fmax=None,
                             fmin_aug_range=10, fmax_aug_range=2000)  # fmt: skip
        return PasstBasicWrapper(mel=mel, net=net, max_model_window=20_000, mode="logits").eval()


class Passt:
    """What PaSST hears.

    Args:
        checkpoint: its weights.
        any_hash: whether other weights than the published are taken.
        device: where to compute.

    Raises:
        UserError: the weights are no file, not the published ones, or another network's.
    """

    def __init__(self, checkpoint: str | Path | None, any_hash: bool, device: str | torch.device):
        path = PASST.find(checkpoint)
        self.provenance = {**PASST.provenance(path, any_hash), "package": f"hear21passt {version('hear21passt')}"}
        network = passt_network()
        fill(network.net, read_passt(path), path)  # type: ignore[arg-type]
        self.network, self.device = network.to(device), device
        self._heard: dict[str, torch.Tensor] = {}  # 2 KB a piece: each target is asked for by every row and metric

    def logits(self, wav: np.ndarray, sample_rate: int) -> torch.Tensor:
        """Logits `[S, 527]` of S pieces of 20 s of a mono clip `[T]`; what is left over counts if above 0.15 s.

        Cut and resampled as by `audiocraft.metrics.PasstKLDivergenceMetric`. The same clip is heard once.
        """
        key = f"{sample_rate} {sha256(wav.tobytes()).hexdigest()}"
        if key not in self._heard:
            self._heard[key] = self._logits(wav, sample_rate)
        return self._heard[key]

    def features(self, wav: np.ndarray, sample_rate: int) -> torch.Tensor:
        """What it tells classes by `[S, 768]`, of the pieces that `logits` hears."""
        return self._heard_in(wav, sample_rate, "embed_only", 768)

    def _logits(self, wav: np.ndarray, sample_rate: int) -> torch.Tensor:
        return self._heard_in(wav, sample_rate, "logits", 527)

    def _heard_in(self, wav: np.ndarray, sample_rate: int, mode: str, width: int) -> torch.Tensor:
        from audiocraft.data.audio_utils import convert_audio

        samples = torch.from_numpy(np.ascontiguousarray(wav, dtype=np.float32))[None]
        if len(wav):
            samples = convert_audio(samples, from_rate=sample_rate, to_rate=SAMPLE_RATE, to_channels=1)
        pieces = [piece for piece in samples.split(WINDOW, dim=-1) if piece.shape[-1] > SHORTEST]
        self.network.mode = mode  # type: ignore[assignment]
        with undisturbed(), torch.no_grad():
            heard = [self.network(piece.to(self.device)).cpu() for piece in pieces]
        return torch.cat(heard) if heard else torch.empty(0, width)


@lru_cache(maxsize=1)
def shared_passt(checkpoint: str | Path | None, any_hash: bool, device: str | torch.device) -> Passt:
    """One network for all metrics of a process; see `Passt`."""
    return Passt(checkpoint, any_hash, device)


def softmax_kl(target: torch.Tensor, generated: torch.Tensor) -> np.ndarray:
    """audiocraft's: KL(target || generated) in nats `[S]` of the softmax of logits `[S, C]`."""
    p, q = (logits.softmax(dim=-1).numpy() for logits in (target, generated))
    return kl_divergence(p, q)


def independent_kl(target: torch.Tensor, generated: torch.Tensor) -> np.ndarray:
    """KL(target || generated) in nats `[S]` of C independent classes, whose logits are `[S, C]`: the sum of theirs."""
    p, q = target.double(), generated.double()
    there = p.sigmoid() * (functional.logsigmoid(p) - functional.logsigmoid(q))
    absent = (-p).sigmoid() * (functional.logsigmoid(-p) - functional.logsigmoid(-q))
    return (there + absent).sum(dim=-1).numpy()


INDEPENDENT = "KL(PaSST, independent)"
DIVERGENCES = {"KL(PaSST)": softmax_kl, INDEPENDENT: independent_kl}


class PasstKL:
    """KL(target || generated) by PaSST, the mean over pieces of 20 s, as a `ClipMetric`; NaN for a clip under 0.15 s.

    A silent clip is scored as audiocraft does. The longer of two clips is cut to the shorter.

    Args:
        label: a key of `DIVERGENCES`.
        checkpoint: PaSST's file of weights; by default that in torch's folder.
        any_hash: whether other weights than the published are taken.
        device: where to compute.

    Raises:
        UserError: the package `hear21passt` is missing, or as `Passt`.
    """

    higher_is_better = False

    def __init__(
        self, label: str = "KL(PaSST)", checkpoint: str | Path | None = None, any_hash: bool = False,
        device: str | torch.device = "cpu",
    ):  # fmt: skip
        if find_spec("hear21passt") is None:
            raise UserError(
                f"{label} needs the package hear21passt, which is not installed: uv pip install -e '.[metrics]' in the "
                "project's folder brings it (or use kl_musicnn)"
            )
        self.label, self.divergence = label, DIVERGENCES[label]
        self.passt = shared_passt(checkpoint, any_hash, device)

    def __call__(self, clips: Clips) -> np.ndarray:
        require_numbers(clips.generated, "the generated audio")
        require_numbers(clips.targets, "the targets")
        pairs = zip(clips.generated, clips.targets, strict=True)
        return np.array([self._score(generated, target, clips.sample_rate) for generated, target in pairs])

    def _score(self, generated: np.ndarray, target: np.ndarray, sample_rate: int) -> float:
        length = min(len(generated), len(target))
        theirs, ours = (self.passt.logits(wav[:length], sample_rate) for wav in (target, generated))
        return float(self.divergence(theirs, ours).mean()) if len(ours) else float("nan")

    def provenance(self) -> dict[str, str]:
        """Which weights are behind the scores."""
        return self.passt.provenance

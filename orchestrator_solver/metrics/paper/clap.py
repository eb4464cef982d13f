"""CLAP score: how well the generated audio fits the prompt's text, by LAION's CLAP as audiocraft uses it.

The network is laion_clap's own, HTSAT-base without fusion, and is given audio and text as by audiocraft's
`CLAPTextConsistencyMetric`. That class itself is not used: what it imports downloads two tokenizers too many as it is
imported, and wants pandas, h5py, torchvision, scikit-learn and webdataset, of which nothing is called.
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
from dataset_builder.seeds import rng_for

from ...weights import hub
from ...weights.known_files import CLAP
from ...weights.safe_load import fill, nothing_unpickled, read_clap
from ..clips import Clips, require_numbers
from .foreign_network import undisturbed

SAMPLE_RATE = 48_000
WINDOW = 10 * SAMPLE_RATE
TOKENS = 77  # of a text; what is beyond is cut
TOKENIZER = "roberta-base"


def clap_network() -> torch.nn.Module:
    """LAION's CLAP, HTSAT-base and RoBERTa, without fusion, with random weights."""
    from laion_clap.clap_module.factory import create_model

    with undisturbed(), nothing_unpickled("CLAP"):
        network, _ = create_model("HTSAT-base", "roberta", device=torch.device("cpu"))
    return network.eval()


class Clap:
    """Embeddings of audio and of texts, of length 1.

    Args:
        checkpoint: LAION's file of weights.
        any_hash: whether other weights than the published are taken.
        device: where to compute.

    Raises:
        UserError: the weights are no file, not the published ones, or another network's; no tokenizer can be had.
    """

    def __init__(self, checkpoint: str | Path | None, any_hash: bool, device: str | torch.device):
        from transformers import RobertaTokenizer

        path = CLAP.find(checkpoint)
        hub.require(TOKENIZER)
        self.provenance = {**CLAP.provenance(path, any_hash), "package": f"laion_clap {version('laion_clap')}"}
        self.network = clap_network()
        fill(self.network, read_clap(path), path)
        self.network.to(device)
        self.tokenizer = RobertaTokenizer.from_pretrained(TOKENIZER)

    def of_audio(self, wav: np.ndarray, sample_rate: int) -> torch.Tensor:
        """Of a mono clip `[T]`, T > 0: `[512]`."""
        from audiocraft.data.audio_utils import convert_audio

        samples = torch.from_numpy(np.ascontiguousarray(wav, dtype=np.float32))[None]
        samples = convert_audio(samples, from_rate=sample_rate, to_rate=SAMPLE_RATE, to_channels=1)[0]
        with torch.no_grad():
            return self.network.get_audio_embedding([{"waveform": _window(samples)}])[0].cpu()  # type: ignore[operator]

    def of_text(self, text: str) -> torch.Tensor:
        """Of a text: `[512]`."""
        tokens = self.tokenizer([text], padding="max_length", truncation=True, max_length=TOKENS, return_tensors="pt")
        with torch.no_grad():
            return self.network.get_text_embedding(tokens)[0].cpu()  # type: ignore[operator]


def _window(samples: torch.Tensor) -> torch.Tensor:
    """The 10 s that the network hears, as laion_clap takes them.

    A shorter clip is repeated as often as it fits whole. Of a longer one it takes 10 s anywhere; here the clip's own
    samples decide where, so that its score is always the same.
    """
    if len(samples) > WINDOW:
        start = int(rng_for("clap", sha256(samples.numpy().tobytes()).hexdigest()).integers(len(samples) - WINDOW + 1))
        return samples[start : start + WINDOW]
    repeated = samples.repeat(WINDOW // len(samples))
    return functional.pad(repeated, (0, WINDOW - len(repeated)))


@lru_cache(maxsize=1)
def shared_clap(checkpoint: str | Path | None, any_hash: bool, device: str | torch.device) -> Clap:
    """One network for a process; see `Clap`."""
    return Clap(checkpoint, any_hash, device)


class ClapScore:
    """Cosine of the prompt's and the generated audio's embeddings, as a `ClipMetric`; NaN for a clip without samples.

    A silent clip is scored as audiocraft does.

    Args:
        checkpoint: LAION's file of weights; by default that in torch's folder.
        any_hash: whether other weights than the published are taken.
        device: where to compute.

    Raises:
        UserError: the package `laion_clap` is missing, or as `Clap`.
    """

    label = "CLAP"
    higher_is_better = True

    def __init__(
        self, checkpoint: str | Path | None = None, any_hash: bool = False, device: str | torch.device = "cpu"
    ):
        if find_spec("laion_clap") is None:
            raise UserError(
                "CLAP needs the package laion_clap, which is not installed: uv pip install -e '.[metrics]' in the "
                "project's folder brings it (or use instruments)"
            )
        self.clap = shared_clap(checkpoint, any_hash, device)

    def __call__(self, clips: Clips) -> np.ndarray:
        require_numbers(clips.generated, "the generated audio")
        pairs = zip(clips.generated, clips.prompts, strict=True)
        return np.array([self._score(wav, text, clips.sample_rate) for wav, text in pairs])

    def _score(self, wav: np.ndarray, text: str, sample_rate: int) -> float:
        if not len(wav):
            return float("nan")
        audio, prompt = self.clap.of_audio(wav, sample_rate), self.clap.of_text(text)
        return functional.cosine_similarity(audio, prompt, dim=0).item()

    def provenance(self) -> dict[str, str]:
        """Which weights are behind the scores."""
        return self.clap.provenance

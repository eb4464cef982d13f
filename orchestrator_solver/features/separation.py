"""What carries the melody of a mix: htdemucs' vocals and other stems, without its drums and bass.

The network comes from the hub's cache or from torch's, read without unpickling (`seams.unpickling`).
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch.nn import functional

from ..weights.package import state_hash

MELODIC = ("vocals", "other")
LOST_DB = 20.0  # a mix that loses more than this had no melodic stems: it is a bass or drums


class Separator:
    """htdemucs, loaded when first used.

    audiocraft's conditioner shifts its input by a random number of samples, from the global generator; here it is not
    shifted, so that the same audio always has the same chroma.

    Args:
        device: where to compute.
    """

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self.device = device
        self._network: Any = None
        self._hash = ""

    @property
    def network(self) -> Any:
        """The network (a `demucs.apply.BagOfModels`), in evaluation mode."""
        if self._network is None:
            from demucs.pretrained import get_model

            from ..weights.hub import from_hub

            with from_hub("adefossez/HTDemucs"):
                self._network = get_model("htdemucs").to(self.device).eval()
        return self._network

    @property
    def sha256(self) -> str:
        """Of the weights: what was separated by others is another audio."""
        if not self._hash:
            self._hash = state_hash(self.network.state_dict())
        return self._hash

    @torch.no_grad()
    def melodic(self, wav: torch.Tensor, sample_rate: int) -> torch.Tensor:
        """The melodic stems' sum `[B, 1, T]` of mixes `[B, 1, T]`; a mix that has none is returned as it is.

        The network computes in the precision of the autocast around it; what comes before and after in float32.
        """
        from demucs.apply import apply_model
        from demucs.audio import convert_audio

        network, kind = self.network, torch.device(self.device).type
        with torch.autocast(kind, enabled=False):
            full = convert_audio(wav.float(), sample_rate, network.samplerate, network.audio_channels)
        stems = apply_model(network, full, shifts=0, device=self.device)
        with torch.autocast(kind, enabled=False):
            chosen = stems[:, _indices(network.sources)].float().sum(1)
            melodic = convert_audio(chosen, network.samplerate, sample_rate, 1)
        length = wav.shape[-1]  # going to another rate and back may end a sample earlier or later
        melodic = functional.pad(melodic, (0, max(0, length - melodic.shape[-1])))[..., :length]
        power, whole = (x.square().mean(dim=(1, 2), keepdim=True) for x in (melodic, wav))
        return torch.where(power < whole * 10 ** (-LOST_DB / 10), wav, melodic)


def _indices(sources: Sequence[str]) -> list[int]:
    return [sources.index(name) for name in MELODIC]

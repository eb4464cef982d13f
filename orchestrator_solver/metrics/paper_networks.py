"""The paper's own KL and text score through audiocraft's metrics, for machines that have the networks.

Both need what no package carries: PaSST (`hear21passt`, which downloads its weights) and LAION's CLAP (`laion_clap` and
a checkpoint). Scores are not comparable across checkpoints.
"""

import importlib.util
from pathlib import Path

import numpy as np
import torch

from dataset_builder.errors import UserError

from ..weights.safe_load import nothing_unpickled
from .clips import Clips

CLAP_CHECKPOINT = "music_audioset_epoch_15_esc_90.14.pt"  # the one of audiocraft's own evaluations


class PasstKL:
    """audiocraft's `PasstKLDivergenceMetric` by clip: KL(target || generated) on AudioSet's classes, 20 s windows.

    Raises:
        UserError: the package `hear21passt` is missing.
    """

    label = "KL(PaSST)"
    higher_is_better = False

    def __init__(self) -> None:
        if importlib.util.find_spec("hear21passt") is None:
            raise UserError(
                "metric kl_passt needs the package hear21passt and the weights it downloads: pip install "
                "'git+https://github.com/kkoutini/passt_hear21@0.0.19#egg=hear21passt' (or use kl_musicnn)"
            )
        from audiocraft.metrics.kld import PasstKLDivergenceMetric

        with nothing_unpickled("PaSST"):
            self.metric = PasstKLDivergenceMetric(pretrained_length=20)

    def __call__(self, clips: Clips) -> np.ndarray:
        scores = []
        for generated, target in zip(clips.generated, clips.targets, strict=True):
            length = min(len(generated), len(target))
            self.metric.reset()
            self.metric.update(
                _tensor(generated[:length]), _tensor(target[:length]), torch.tensor([length]), _rate(clips)
            )
            heard = self.metric.weight.item() > 0  # PaSST takes no clip under 0.15 s
            scores.append(self.metric.compute()["kld"] if heard else np.nan)
        return np.array(scores)


class ClapScore:
    """audiocraft's `CLAPTextConsistencyMetric` by clip: cosine of the prompt's and the generated audio's embeddings.

    Args:
        checkpoint: LAION's checkpoint file, HTSAT-base, fusion off.

    Raises:
        UserError: the package `laion_clap` or the checkpoint is missing.
    """

    label = "CLAP"
    higher_is_better = True

    def __init__(self, checkpoint: str | Path = CLAP_CHECKPOINT):
        if importlib.util.find_spec("laion_clap") is None:
            raise UserError("metric clap needs the package laion_clap: pip install laion_clap (or use presence)")
        if not Path(checkpoint).is_file():
            raise UserError(
                f"metric clap needs LAION's checkpoint, and {checkpoint} is not a file: get {CLAP_CHECKPOINT} as "
                "github.com/LAION-AI/CLAP says, and give its path"
            )
        from audiocraft.metrics.clap_consistency import CLAPTextConsistencyMetric

        with nothing_unpickled("CLAP"):  # its checkpoint is read by `weights.safe_load.read_clap`
            self.metric = CLAPTextConsistencyMetric(checkpoint, model_arch="HTSAT-base", enable_fusion=False)

    def __call__(self, clips: Clips) -> np.ndarray:
        scores = []
        for generated, prompt in zip(clips.generated, clips.prompts, strict=True):
            self.metric.reset()
            self.metric.update(_tensor(generated), [prompt], torch.tensor([len(generated)]), _rate(clips))
            scores.append(self.metric.compute())
        return np.array(scores)


def _tensor(wav: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(wav, dtype=np.float32))[None, None]


def _rate(clips: Clips) -> torch.Tensor:
    return torch.tensor([clips.sample_rate])

"""PaSST and CLAP as they are built, with random weights in files of the published formats, and clips for them."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from orchestrator_solver.bench.random_hub import TEXT, put
from orchestrator_solver.metrics.clips import Clips

RATE = 32_000


def put_passt(path: Path) -> Path:
    """As PaSST's releases: a state alone, under the names of the network that is told by `Passt`."""
    from orchestrator_solver.metrics.paper.passt import passt_network

    torch.manual_seed(0)
    state = passt_network().net.state_dict()
    state["head.1.weight"] = torch.randn_like(state["head.1.weight"]) / 5  # as after training: some classes stand out
    torch.save(state, path)
    return path


def put_clap(path: Path) -> Path:
    """As LAION's: what its training left, numpy's numbers among it, and names with the prefix of a wrapper."""
    from orchestrator_solver.metrics.paper.clap import clap_network

    torch.manual_seed(0)
    state = {f"module.{name}": value for name, value in clap_network().state_dict().items()}
    state["module.text_branch.embeddings.position_ids"] = torch.arange(514)[None]
    package = {"epoch": 15, "name": "a run", "state_dict": state, "optimizer": {"state": {0: {"step": 1}}}}
    torch.save({**package, "top_k_performance": [np.float64(0.9)]}, path)
    return path


def put_tokenizer(home: Path) -> None:
    """`roberta-base`'s tokenizer in the hub's cache: pairs of bytes, of a few lines of text."""
    from tokenizers import ByteLevelBPETokenizer
    from transformers import RobertaTokenizer

    pairs, folder = ByteLevelBPETokenizer(), home / "tokenizer"
    pairs.train_from_iterator(TEXT, 600, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"])
    folder.mkdir(parents=True)
    pairs.save_model(str(folder))
    RobertaTokenizer.from_pretrained(str(folder)).save_pretrained(folder)
    for path in folder.iterdir():
        put(home, "roberta-base", path.name, path.rename)


def few_layers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let both networks be built by their own classes, with a layer where they have many."""
    from hear21passt.models import passt
    from laion_clap.clap_module import model

    import transformers  # isort: skip - which is another module once a model of it has been imported

    network, text = passt.PaSST, transformers.RobertaConfig
    monkeypatch.setattr(passt, "PaSST", lambda **settings: network(**{**settings, "depth": 1}))
    monkeypatch.setattr(transformers, "RobertaConfig", partial(text, num_hidden_layers=1, vocab_size=1000))
    monkeypatch.setattr(model, "create_htsat_model", shallow_htsat)


def shallow_htsat(config: Any, enable_fusion: bool, fusion_type: str) -> torch.nn.Module:
    """HTSAT-base with a block where it has 2 or 12."""
    from laion_clap.clap_module.htsat import HTSAT_Swin_Transformer

    return HTSAT_Swin_Transformer(
        spec_size=256, patch_size=4, patch_stride=(4, 4), num_classes=config.class_num, embed_dim=128,
        depths=[1, 1, 1, 1], num_heads=[4, 8, 16, 32], window_size=8, config=config, enable_fusion=enable_fusion,
        fusion_type=fusion_type,
    )  # fmt: skip


def clips(generated: list[np.ndarray], targets: list[np.ndarray], rate: int = RATE) -> Clips:
    prompts = ["a calm piece for violin", "fast music", "Instruments: flute, trumpet"]
    return Clips(generated, targets, targets, [("violin",)] * len(generated), (prompts * 9)[: len(generated)], rate)


def sounds(rate: int = RATE, seconds: float = 1.0, count: int = 3) -> list[np.ndarray]:
    """Tones with noise, each another."""
    rng, time = np.random.default_rng(0), np.arange(int(seconds * rate)) / rate
    tones = [np.sin(2 * np.pi * 200 * 2**n * time) + rng.normal(scale=0.02 * n, size=len(time)) for n in range(count)]
    return [0.3 * tone.astype(np.float32) for tone in tones]


def audiocrafts_kl(checkpoint: Path, batch: Clips, monkeypatch: pytest.MonkeyPatch) -> float:
    """By audiocraft's own metric, which loads the file through hear21passt's own loader."""
    from audiocraft.metrics import PasstKLDivergenceMetric
    from hear21passt.models.helpers import vit_helpers

    monkeypatch.setattr(vit_helpers, "download_cached_file", lambda *args, **options: checkpoint)
    metric = PasstKLDivergenceMetric(pretrained_length=20)
    preds, targets = (torch.from_numpy(np.stack(wavs))[:, None] for wavs in (batch.generated, batch.targets))
    count, length = len(preds), preds.shape[-1]
    metric.update(preds, targets, torch.tensor([length] * count), torch.tensor([batch.sample_rate] * count))
    return metric.compute()["kld"]

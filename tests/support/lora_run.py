"""A run of LoRA on the local cache's MusicGen Melody, as its solver would have left it: a checkpoint with additions."""

from pathlib import Path

import torch
from omegaconf import OmegaConf

from orchestrator_solver.models.builders import build_lm
from orchestrator_solver.weights.published import language_model_package

SIGNATURE, BASE = "ab12cd34", "facebook/musicgen-melody"
LORA = {"rank": 4, "alpha": 8.0, "dropout": 0.0, "train": ["condition_provider"],
        "targets": ["attention_in", "attention_out", "feed_forward_in", "feed_forward_out"]}  # fmt: skip


def put_run(runs: Path, seconds: float = 2.0, **changes: object) -> str:
    """Write the checkpoint below the folder of runs; additions and projections are far from those that it began with.

    Args:
        runs: Dora's folder.
        seconds: of its excerpts.
        changes: of its configuration, such as `continue_from=...`.
    """
    package = language_model_package(BASE)
    begun = {"solver": "orchestrator", "continue_from": f"//pretrained/{BASE}", "lora": LORA, "device": "cpu",
             "dataset": {"segment_duration": seconds}, "orchestrator": {"instrument_words": "midi"}}  # fmt: skip
    cfg = OmegaConf.merge(package.cfg, begun, changes)
    model = build_lm(cfg)
    model.load_state_dict(package.state)
    torch.manual_seed(1)
    for name, parameter in model.named_parameters():
        if name.endswith((".up", ".down")) or "output_proj" in name:
            parameter.data.normal_(0, 0.1)
    state = {"best_state": {"model": model.state_dict()}, "xp.cfg": cfg, "history": [{}, {}]}
    folder = runs / "xps" / SIGNATURE
    folder.mkdir(parents=True)
    torch.save(state, folder / "checkpoint.th")
    return SIGNATURE

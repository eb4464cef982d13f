"""A language model of any size without conditioners, and a batch for it: what memory depends on."""

import torch
from audiocraft.models.lm import LMModel
from support.tiny_lm import tiny_config

from orchestrator_solver.features.conditions import Condition
from orchestrator_solver.models.builders import build_lm
from orchestrator_solver.training.gradients import PreparedBatch
from orchestrator_solver.workflows.gpu_memory import Model, Training

PREFIX = 10


def sized_lm(model: Model, training: Training, device: str = "cpu") -> LMModel:
    """A language model of these sizes, as a training of this kind builds it."""
    cfg = tiny_config(device)
    cfg.transformer_lm.update({
        "dim": model.dim, "num_heads": model.heads, "num_layers": model.layers, "n_q": model.codebooks,
        "card": model.card, "hidden_scale": 4, "memory_efficient": True, "activation": "gelu", "bias_proj": False,
        "checkpointing": "torch" if training.checkpointing else "none",
    })  # fmt: skip
    cfg.codebooks_pattern.delay.delays = list(range(model.codebooks))
    cfg.fuser.update({"sum": [], "prepend": ["description"], "input_interpolate": []})
    targets = ["attention_in", "attention_out", "feed_forward_in", "feed_forward_out"]
    cfg.lora = {"rank": training.rank, "alpha": 8, "dropout": 0.0, "targets": targets, "train": ["condition_provider"]}
    return build_lm(cfg).to(device).train()


def sized_batch(model: Model, training: Training, device: str = "cpu") -> PreparedBatch:
    """Random codes for it, behind a prefix of `PREFIX` states that gradients flow into."""
    shape = (training.samples, model.codebooks, training.steps)
    prefix = torch.randn(training.samples, PREFIX, model.dim, device=device, requires_grad=True)
    conditions = {"description": Condition(prefix, torch.ones(training.samples, PREFIX, device=device))}
    codes, mask = torch.randint(model.card, shape, device=device), torch.ones(shape, dtype=torch.bool, device=device)
    return PreparedBatch(conditions, codes, mask, codes)

"""A tiny language model and a batch for it, without a codec or audio."""

from pathlib import Path

import torch
from audiocraft.models.lm import LMModel
from omegaconf import DictConfig
from support.tiny_models import lm_config

from orchestrator_solver.features.conditions import Condition
from orchestrator_solver.models.builders import build_lm
from orchestrator_solver.training.gradients import PreparedBatch

STEPS, FRAMES = 40, 25
VALID = (40, 31, 40, 12, 25)  # codes of each sample that count


def tiny_config(device: str = "cpu") -> DictConfig:
    """Without dropout, so that parts and whole agree."""
    cfg = lm_config(Path("codec"))
    cfg.device = device
    cfg.transformer_lm.dropout = 0.0
    return cfg


def tiny_lm(device: str = "cpu") -> LMModel:
    """A language model of two layers, with weights of a seed, the same on every device."""
    torch.manual_seed(0)
    return build_lm(tiny_config(device)).to(device).train()


def tiny_batch(model: LMModel, count: int = len(VALID)) -> PreparedBatch:
    """Codes of a seed, differently long, and conditions that depend on the model's parameters, on its device."""
    device = next(model.parameters()).device
    generator = torch.Generator().manual_seed(1)
    codes = torch.randint(16, (count, 2, STEPS), generator=generator)
    mask = torch.arange(STEPS).expand(count, 2, STEPS) < torch.tensor(VALID[:count]).view(-1, 1, 1)
    provider = model.condition_provider.conditioners
    words = provider["description"](
        provider["description"].tokenize(["violin", "drums, cello", None, "a", "b"][:count])
    )
    chroma = torch.rand(count, FRAMES, 36, generator=generator).to(device)
    melody = Condition(provider["self_wav"].output_proj(chroma), torch.ones(count, FRAMES, device=device))
    codes = codes.to(device)
    return PreparedBatch({"description": words, "self_wav": melody}, codes, mask.to(device), codes)

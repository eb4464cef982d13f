"""A LoRA step of MusicGen Melody in its own process, so that its memory can be measured: prints JSON.

    python tests/support/full_size_step.py LAYERS SECONDS FOLDER

`FOLDER` takes the weights' file; the process' hub cache must hold T5. 48 layers and 30 seconds are the real ones.
"""

import json
import resource
import sys
import time
from pathlib import Path

import torch
from omegaconf import OmegaConf
from support.hub_cache import LM_YAML

from orchestrator_solver.configuration.overrides import composed
from orchestrator_solver.features.conditions import audio_reference
from orchestrator_solver.models import builders
from orchestrator_solver.models.lora import LoraSettings, inject
from orchestrator_solver.training.gradients import PreparedBatch, accumulate
from orchestrator_solver.weights.package import check_fits
from orchestrator_solver.weights.published import published

BF16 = torch.bfloat16


def published_file(layers: int, folder: Path) -> Path:
    """Weights in audiocraft's format, random; memory for them is free again afterwards."""
    cfg = OmegaConf.create(LM_YAML.replace("LAYERS", str(layers)))
    cfg.device, cfg.dtype = "cpu", "bfloat16"
    del cfg.conditioners.self_wav.chroma_stem.cache_path
    state = {name: value.half() for name, value in builders.build_lm(cfg).state_dict().items()}
    package = {
        "best_state": state,
        "xp.cfg": LM_YAML.replace("LAYERS", str(layers)),
        "version": "1.3.0",
        "exported": True,
    }
    torch.save(package, folder / "state_dict.bin")
    return folder


def model_in_half(layers: int, seconds: float, folder: Path) -> torch.nn.Module:
    """The paper's model in bfloat16 with those weights, LoRA additions in float32, activations recomputed."""
    cfg = composed([
        "solver=orchestrator", "device=cpu", "dtype=bfloat16", "transformer_lm.checkpointing=torch",
        f"transformer_lm.num_layers={layers}", f"dataset.segment_duration={seconds}",
    ])  # fmt: skip
    model = builders.build_lm(cfg).to(BF16)
    package = published(f"//pretrained/{folder}")
    check_fits(cfg, package.state, "the file")
    model.load_state_dict(package.state)
    inject(model, LoraSettings(rank=16))
    return model.train()


def batch_of(model: torch.nn.Module, seconds: float) -> PreparedBatch:
    """One sample: random codes, a prompt and the chroma of a tone."""
    from audiocraft.modules.conditioners import ConditioningAttributes  # below: our package closes its seams first

    wav = 0.2 * torch.sin(torch.arange(round(32_000 * seconds)) / 12)[None, None]
    reference = audio_reference(wav[0], wav.shape[-1], 32_000, one_stem=True)
    sample = ConditioningAttributes(text={"description": "Instruments: violin, drums."}, wav={"self_wav": reference})
    provider = model.condition_provider
    codes = torch.randint(0, 2048, (1, 4, round(50 * seconds)), generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", BF16):
        conditions = provider(provider.tokenize([sample]))
    return PreparedBatch(conditions, codes, torch.ones_like(codes, dtype=torch.bool), codes)


def main(layers: int, seconds: float, folder: Path) -> dict[str, float]:
    """Write, load, train for a step; returns what was seen."""
    torch.manual_seed(0)
    model = model_in_half(layers, seconds, published_file(layers, folder))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4)
    before, losses = time.monotonic(), []
    for _ in range(2):  # the loss of the second shows what the step of the first did
        optimizer.zero_grad()
        losses.append(accumulate(model, batch_of(model, seconds), 1, torch.autocast("cpu", BF16)).mean.item())
        optimizer.step()
    return {
        "parameters": sum(parameter.numel() for parameter in model.parameters()),
        "trained": sum(parameter.numel() for parameter in trained),
        "first": losses[0], "second": losses[1], "seconds": time.monotonic() - before,
        "peak_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,  # Linux counts in KiB
    }  # fmt: skip


if __name__ == "__main__":
    print(json.dumps(main(int(sys.argv[1]), float(sys.argv[2]), Path(sys.argv[3]))))

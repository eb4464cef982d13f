"""Runs of `dora run` on tiny models, and the paper's cut short: how they are started, and what they leave."""

import json
import os
import subprocess
import sys
from pathlib import Path

from orchestrator_solver.paths import PROJECT

TINY = [
    "solver=orchestrator_nano", "continue_from=", "transformer_lm.n_q=2", "transformer_lm.card=16",
    "transformer_lm.dim=16", "transformer_lm.num_heads=2", "transformer_lm.num_layers=2", "transformer_lm.dropout=0",
    "codebooks_pattern.delay.delays=[0,1]", "dataset.segment_duration=1.6", "dataset.batch_size=4",
    "dataset.num_workers=1", "dataset.valid.num_samples=4", "dataset.evaluate.num_samples=4",
    "dataset.generate.num_samples=4", "orchestrator.store=false", "autocast=false", "num_threads=1",
    "optim.updates_per_epoch=3", "schedule.cosine.warmup=1",
    "generate.lm.top_k=16", "evaluate.metrics.clips=[]",
]  # fmt: skip
SHORT = [  # the paper's run, of which only what takes time is made less: layers, seconds, updates
    "solver=orchestrator", "device=cpu", "autocast=false", "transformer_lm.num_layers=1",
    "dataset.segment_duration=1.92", "dataset.batch_size=2", "dataset.num_workers=0", "dataset.valid.num_samples=2",
    "dataset.evaluate.num_samples=2", "dataset.generate.num_samples=2", "generate.lm.gen_duration=0.5",
    "optim.epochs=1", "optim.updates_per_epoch=1", "schedule.cosine.warmup=0", "num_threads=1",
    "evaluate.metrics.clips=[]",
]  # fmt: skip
DEADLINE = 600  # seconds that one run may take on a busy machine


def run_command(data: Path, models: Path, *overrides: str, options: tuple[str, ...] = ()) -> list[str]:
    codec = f"compression_model_checkpoint=//pretrained/{models.parent}/codec"
    return [sys.executable, "-m", "dora", "run", *options, *TINY, f"dset_root={data}", codec, *overrides]


def run_environment(folder: Path) -> dict[str, str]:
    return {
        **os.environ,
        "HF_HUB_OFFLINE": "1",
        "ORCHESTRATOR_DORA_DIR": str(folder),
        "WANDB_MODE": "offline",
        "WANDB_SILENT": "true",
    }


def run_to_its_end(folder: Path, command: list[str], project: Path = PROJECT) -> subprocess.CompletedProcess:
    return subprocess.run(
        command, cwd=project, env=run_environment(folder), capture_output=True, text=True, timeout=DEADLINE, check=False
    )


def history_of(folder: Path) -> list[dict]:
    paths = list(folder.glob("xps/*/history.json"))
    return json.loads(paths[0].read_text()) if paths else []


def losses_of(history: list[dict]) -> list[tuple[float, float]]:
    return [(epoch["train"]["ce"], epoch["valid"]["ce"]) for epoch in history]

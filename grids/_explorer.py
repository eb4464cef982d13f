"""The columns that our grids show, and overrides that several of them use."""

from typing import Any

import treetable as tt
from dora import Explorer
from dora.explore import Launcher
from dora.shep import Sheep

Overrides = dict[str, Any]
CLIPS, PLAYED = (
    ("kl_musicnn", "melody", "instruments", "sim"),
    ("self", "stem"),
)  # columns of Table 1, and its references

# What is played from: weights of the reference policies (see orchestrator_solver/data/reference_policy.py).
POLICIES: dict[str, Overrides] = {
    name: {f"orchestrator.reference.{policy}": weight for policy, weight in weights.items()}
    for name, weights in {
        "self": {"self": 1.0, "stem": 0.0, "any": 0.0},
        "stem": {"self": 0.0, "stem": 1.0, "any": 0.0},
        "any": {"self": 0.0, "stem": 0.0, "any": 1.0},
        "mixed": {"self": 0.5, "stem": 0.5, "any": 0.0},
    }.items()
}


class OrchestratorExplorer(Explorer):
    """Cross-entropy (nats per code) of each stage, the best epoch's beside the last one's; what is played; pace."""

    def get_grid_metrics(self) -> list:
        """The table's columns, by stage."""
        return [
            tt.group("train", [tt.leaf("epoch"), tt.leaf("min", ".1f"), tt.leaf("ce", ".4f"), tt.leaf("lr", ".1e"),
                               tt.leaf("d", ".1e"), tt.leaf("grad_norm", ".2f"), tt.leaf("skipped", ".0f"),
                               tt.leaf("nonfinite", ".0f"), tt.leaf("audio_per_second", ".0f")], align=">"),
            tt.group("valid", [tt.leaf("ce", ".4f"), tt.leaf("best_ce", ".4f"), tt.leaf("best_epoch")], align=">"),
            tt.group("evaluate", [tt.leaf("ce", ".4f"), tt.leaf("ppl", ".2f")], align=">"),
            *(tt.group(f"{policy} (w/o, w)", [tt.leaf(name) for name in CLIPS], align=">") for policy in PLAYED),
            tt.group("generate", [tt.leaf("sim", ".3f"), tt.leaf("instruments", ".3f")], align=">"),
        ]  # fmt: skip

    def process_sheep(self, sheep: Sheep, history: list[dict]) -> dict:
        """One line of the table; `history` holds a dict of stages for every finished epoch."""
        line: dict[str, dict] = {stage: {} for stage in ("train", "valid", "evaluate", "generate")}
        for stages in history:
            for stage in line.keys() & stages.keys():
                line[stage].update(stages[stage])
        line |= {f"{policy} (w/o, w)": _table_of(line["evaluate"], policy) for policy in PLAYED}
        trained = [stages["train"] for stages in history if "train" in stages]
        if trained:
            minutes = sum(stage.get("duration", 0.0) for stage in trained) / 60
            line["train"].update(epoch=len(trained), min=minutes)
        losses = [(stages["valid"]["ce"], epoch) for epoch, stages in enumerate(history, 1) if "valid" in stages]
        if losses:
            line["valid"]["best_ce"], line["valid"]["best_epoch"] = min(losses)
        return line


def _table_of(evaluated: dict[str, float], policy: str) -> dict[str, str]:
    """Scores of what a model played, without and with description."""
    pairs = {name: [evaluated.get(f"{name}_{policy}_{which}") for which in ("without", "with")] for name in CLIPS}
    return {
        name: " ".join(f"{value:.3f}" for value in pair if value is not None)
        for name, pair in pairs.items() if any(value is not None for value in pair)
    }  # fmt: skip


def on_cpu(launcher: Launcher) -> None:
    """Slurm settings of the nano runs: a single task, which Dora counts in GPUs, with a few cores."""
    launcher.slurm_(gpus=1, cpus_per_gpu=4, mem_per_gpu=8, time=120)

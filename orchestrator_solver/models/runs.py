"""The best weights of a run of this machine, by its signature."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from audiocraft.utils.checkpoint import load_checkpoint
from omegaconf import DictConfig

from dataset_builder.errors import UserError

from ..paths import run_folder
from ..weights.description import PREFIX, folder_of
from ..weights.package import Package, load, state_hash
from . import lora

KINDS = {"orchestrator": "lm", "orchestrator_codec": "codec"}  # by solver
_SIGNATURE_LETTERS = set("0123456789abcdef")


@dataclass(frozen=True)
class BestOfRun:
    """What a run reached.

    Attributes:
        kind: codec | lm.
        cfg: its configuration.
        trained: best weights as they were trained: with LoRA, its additions apart.
        facts: where they come from.
    """

    kind: str
    cfg: DictConfig
    trained: dict[str, torch.Tensor]
    facts: dict[str, Any]

    @property
    def state(self) -> dict[str, torch.Tensor]:
        """Best weights, LoRA's additions among them."""
        return lora.merged_state(self.trained)


def is_run(name: str) -> bool:
    """Whether this is the signature of a run that has a checkpoint here."""
    return bool(name) and set(name) <= _SIGNATURE_LETTERS and _checkpoint(name).is_file()


def best_of_run(sig: str) -> BestOfRun:
    """The best state of a run.

    Raises:
        UserError: if there is no such run, or it has not finished an epoch.
    """
    path = _checkpoint(sig)
    if not path.is_file():
        raise UserError(f"no checkpoint {path}: expected the signature of a run that finished an epoch")
    state = load_checkpoint(path)
    cfg = state["xp.cfg"]
    facts = {"run": sig, "solver": cfg.solver, "epochs": len(state["history"])}
    if updates := (cfg.get("optim") or {}).get("updates_per_epoch"):
        facts["updates"] = updates * facts["epochs"]
    if words := (cfg.get("orchestrator") or {}).get("instrument_words"):  # a codec's run has no prompts
        facts["instrument_words"] = words
    if str(cfg.get("continue_from") or "").startswith(PREFIX):  # else a path of this machine, or another run
        facts |= _since_the_baseline(cfg.continue_from, facts.get("updates", 0))
    weights = state.get("fsdp_best_state") or state["best_state"]
    return BestOfRun(KINDS[cfg.solver], cfg, weights["model"], facts)


def _since_the_baseline(begun_from: str, updates: int) -> dict[str, Any]:
    """Which model the first of several runs began with that went on from one another, and the updates of all."""
    told = load(begun_from, "lm").facts if folder_of(begun_from) else {}
    if "baseline" not in told:
        return {"baseline": begun_from, **({"updates": updates} if updates else {})}
    return _since_the_baseline(told["baseline"], updates + told.get("updates", 0))


def package_of_run(sig: str) -> Package:
    """A run's best language model, as if it had been exported.

    Raises:
        UserError: if there is no such run, it has not finished an epoch, or it trains a codec.
    """
    best = best_of_run(sig)
    if best.kind != "lm":
        raise UserError(f"run {sig} trains a codec: expected the signature of a language model's run")
    state = best.state
    return Package("lm", best.cfg, best.facts, state, state_hash(state))


def _checkpoint(sig: str) -> Path:
    return run_folder() / sig / "checkpoint.th"

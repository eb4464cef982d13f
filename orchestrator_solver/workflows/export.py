"""A run's best weights as a package for others."""

from pathlib import Path

from audiocraft.utils.checkpoint import load_checkpoint

from dataset_builder.dataset import manifest
from dataset_builder.errors import UserError
from dataset_builder.music.instruments import class_of_word, ordered

from .. import train
from ..models import lora
from ..weights import package

KINDS = {"orchestrator": "lm", "orchestrator_codec": "codec"}  # by solver


def export_run(sig: str, out: Path, data: Path | None = None) -> None:
    """Write the best state of a run to a folder, as safetensors and JSON.

    Args:
        sig: the run's signature.
        out: the folder.
        data: the data set whose instruments it learned, to be named in the JSON.

    Raises:
        UserError: if there is no such run, or it has not finished an epoch.
    """
    path = Path(train.main.dora.dir) / "xps" / sig / "checkpoint.th"
    if not path.is_file():
        raise UserError(f"no checkpoint {path}: expected the signature of a run that finished an epoch")
    state = load_checkpoint(path)
    cfg = state["xp.cfg"]
    facts = {"run": sig, "solver": cfg.solver, "epochs": len(state["history"])}
    if "orchestrator" in cfg:  # a codec's run has no prompts
        facts["instrument_words"] = cfg.orchestrator.instrument_words
    if data:
        facts["instruments"] = instruments_of(data)
        if facts.get("instrument_words", "classes") != "classes":  # by class, it read none of them
            facts["own_words"] = own_words_of(data)
    weights = state.get("fsdp_best_state") or state["best_state"]
    package.save(out, KINDS[cfg.solver], cfg, lora.merged_state(weights["model"]), facts)


def instruments_of(root: Path) -> list[str]:
    """Classes that sound in the training split, in the vocabulary's order."""
    return list(ordered(name for item in manifest.load(root, "train") for name in item.instruments))


def own_words_of(root: Path) -> list[str]:
    """What the owners of the training split's stems call instruments that the vocabulary does not know."""
    stems = (stem for item in manifest.load(root, "train") for stem in item.stems)
    return sorted({stem.word for stem in stems if stem.word and class_of_word(stem.word) is None})

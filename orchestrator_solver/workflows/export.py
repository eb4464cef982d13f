"""A run's best weights as a package for others."""

from pathlib import Path

from dataset_builder.dataset import manifest
from dataset_builder.music.instruments import class_of_word, ordered

from ..models.runs import best_of_run
from ..weights import package


def export_run(sig: str, out: Path, data: Path | None = None) -> None:
    """Write the best state of a run to a folder, as safetensors and JSON.

    Args:
        sig: the run's signature.
        out: the folder.
        data: the data set whose instruments it learned, to be named in the JSON.

    Raises:
        UserError: if there is no such run, or it has not finished an epoch.
    """
    best = best_of_run(sig)
    facts = best.facts
    if data:
        facts["instruments"] = instruments_of(data)
        if facts.get("instrument_words", "classes") != "classes":  # by class, it read none of them
            facts["own_words"] = own_words_of(data)
    package.save(out, best.kind, best.cfg, best.state, facts)


def instruments_of(root: Path) -> list[str]:
    """Classes that sound in the training split, in the vocabulary's order."""
    return list(ordered(name for item in manifest.load(root, "train") for name in item.instruments))


def own_words_of(root: Path) -> list[str]:
    """What the owners of the training split's stems call instruments that the vocabulary does not know."""
    stems = (stem for item in manifest.load(root, "train") for stem in item.stems)
    return sorted({stem.word for stem in stems if stem.word and class_of_word(stem.word) is None})

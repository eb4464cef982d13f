"""A model in a folder for others: ours, audiocraft's, transformers' or peft's, with a card."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dataset_builder.dataset import manifest
from dataset_builder.errors import UserError
from dataset_builder.music.instruments import class_of_word, ordered
from dataset_builder.runtime.untrusted import parse_json, read_regular

from ..formats import registry
from ..formats.source import source_of

_LARGEST_TABLE = 2**24  # bytes
_ROW = "finetuned"  # of Table 1: the model that it is about


def export(
    name: str, folder: Path, data: Path | None = None, format_name: str = "ours", scores: Path | None = None
) -> None:
    """Write the best state of a run, or another model, to a folder.

    Args:
        name: the run's signature, or what else can be played.
        folder: where to.
        data: the data set whose instruments it learned, to be named in what is written.
        format_name: a key of `FORMATS`.
        scores: `table1.json` of an evaluation whose fine-tuned model this is.

    Raises:
        UserError: if there is no such model, it has not finished an epoch, or the format cannot hold all of it.
    """
    source = source_of(name)
    told: dict[str, Any] = {}
    if data:
        told["instruments"] = instruments_of(data)
        if source.facts.get("instrument_words", "classes") != "classes":  # by class, it read none of them
            told["own_words"] = own_words_of(data)
        told["data"] = (
            f"{manifest.reader_of(data)}, {len(manifest.read_split(data, 'train'))} items of the training split"
        )
    if scores:
        told["scores"] = scores_of(scores)
    registry.write(source, folder, format_name, told)


def instruments_of(root: Path) -> list[str]:
    """Classes that sound in the training split, in the vocabulary's order."""
    return list(ordered(name for item in manifest.load(root, "train") for name in item.instruments))


def own_words_of(root: Path) -> list[str]:
    """What the owners of the training split's stems call instruments that the vocabulary does not know."""
    stems = (stem for item in manifest.load(root, "train") for stem in item.stems)
    return sorted({stem.word for stem in stems if stem.word and class_of_word(stem.word) is None})


def scores_of(table: Path) -> list[dict[str, Any]]:
    """The fine-tuned model's lines of a Table 1: of each its reference, its prompt, and means with their intervals.

    Raises:
        UserError: if the file is missing, is none, or has no such line.
    """
    try:
        lines = parse_json(read_regular(table, _LARGEST_TABLE))["lines"]
        found = [_line(line) for line in lines if line["row"] == _ROW]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise UserError(f"{table} cannot be read as Table 1's JSON ({reason}): run `orchestrator evaluate`") from error
    if not found:
        raise UserError(f"{table} has no row {_ROW}: expected table1.json of `orchestrator evaluate`")
    return found


def _line(line: Mapping[str, Any]) -> dict[str, Any]:
    bounds = {name: [one[key] for key in ("mean", "low", "high")] for name, one in line["intervals"].items()}
    return {"policy": str(line["policy"]), "prompting": str(line["prompting"]), "scores": bounds}

"""The formats in which a model can be written, by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic

from ..models.runs import BestOfRun
from ..weights import package
from . import audiocraft_writer, peft_writer, transformers_writer
from .card import card
from .licence import FACT, as_fact, licence_of
from .limits import require_carried

CARD = "README.md"


@dataclass(frozen=True)
class Format:
    """How a model is written.

    Attributes:
        write: what it is of, the folder, and what is told of it.
        last: the file that is written last: a folder that has it is whole.
        files: what stands in the folder.
        holds_codec: whether the codec's weights are among them.
    """

    write: Callable[[BestOfRun, Path, dict[str, Any]], None]
    last: str
    files: tuple[str, ...]
    holds_codec: bool = False


def _write_ours(source: BestOfRun, folder: Path, facts: dict[str, Any]) -> None:
    package.save(folder, source.kind, source.cfg, source.state, facts)


FORMATS: dict[str, Format] = {
    "ours": Format(_write_ours, "model.json", ("model.safetensors", "model.json")),
    "audiocraft": Format(
        audiocraft_writer.write, "state_dict.bin", ("state_dict.bin", "compression_state_dict.bin"), holds_codec=True
    ),
    "transformers": Format(
        transformers_writer.write, "config.json",
        ("model.safetensors", "config.json", "generation_config.json", "preprocessor_config.json"), holds_codec=True,
    ),
    "peft": Format(peft_writer.write, "adapter_config.json", ("adapter_model.safetensors", "adapter_config.json")),
}  # fmt: skip


def write(source: BestOfRun, folder: Path, name: str, told: Mapping[str, Any]) -> None:
    """Write a model, a language model with its card.

    Args:
        source: what is written.
        folder: where; it may hold an earlier export in the same format.
        name: of the format.
        told: of its training, beside what the model says itself.

    Raises:
        UserError: if there is no such format, it cannot hold all of the model, or the folder holds another one.
    """
    if name not in FORMATS:
        raise UserError(f"unknown format {name}: expected one of {', '.join(FORMATS)}")
    require_carried(source.cfg, source.kind, name)
    if name == "peft":
        peft_writer.require_additions(source)
    for other, one in FORMATS.items():
        if other != name and (folder / one.last).exists():
            raise UserError(f"{folder} holds a model in the format {other}: choose another folder, or empty it")
    licence = licence_of(source, FORMATS[name].holds_codec)
    facts = {**source.facts, **told, FACT: as_fact(licence)}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / FORMATS[name].last).unlink(missing_ok=True)
    if source.kind == "lm":  # a codec is of use only beside one
        atomic.write_text(folder / CARD, card(source, facts, licence, name))
    FORMATS[name].write(source, folder, facts)

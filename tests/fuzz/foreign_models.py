"""Doors of models in the formats of transformers and peft."""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file
from support.small_melody import small_melody

from dataset_builder.errors import UserError
from orchestrator_solver.weights import peft_folder, transformers_folder

from .door import Door, Opened
from .mutation import json_of, safetensors_of
from .sources import put

ADAPTER = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "base_model_name_or_path": "base", "bias": "none"}


def _written(folder: Path) -> Path:
    """A small model without the weights of its T5."""
    model = small_melody(words=128)
    model.config.save_pretrained(folder)
    state = {name: one for name, one in model.state_dict().items() if not name.startswith("text_encoder")}
    save_file(state, folder / "model.safetensors")
    return folder


def _open_transformers(name: str) -> Callable[[Path], Opened]:
    """`config.json` or the weights, read for both networks."""

    def opened(folder: Path) -> Opened:
        path = _written(folder) / name

        def read(data: bytes) -> object:
            put(path, data)
            package = transformers_folder.read_language_model(folder)
            return len(package.state) + len(transformers_folder.read_codec(folder).state_dict())

        return Opened([path.read_bytes()], read)

    return opened


def _open_peft(name: str) -> Callable[[Path], Opened]:
    """`adapter_config.json` or the additions, added to a small model."""

    def opened(folder: Path) -> Opened:
        base = transformers_folder.read_language_model(_written(folder))
        module = f"{peft_folder.PREFIX}decoder.model.decoder.layers.0.fc1"
        additions = {f"{module}.lora_A.weight": torch.rand(2, 32), f"{module}.lora_B.weight": torch.rand(128, 2)}
        save_file(additions, folder / peft_folder.WEIGHTS)
        (folder / peft_folder.CONFIG).write_text(json.dumps(ADAPTER))

        def the_base(asked: str) -> object:
            if asked != "base":
                raise UserError("no such model")
            return base

        def read(data: bytes) -> object:
            put(folder / name, data)
            return len(peft_folder.read_language_model(folder, the_base).state)

        return Opened([(folder / name).read_bytes()], read)

    return opened


DOORS = {
    "settings of transformers": Door(_open_transformers("config.json"), json_of),
    "weights of transformers": Door(_open_transformers("model.safetensors"), safetensors_of),
    "settings of peft": Door(_open_peft(peft_folder.CONFIG), json_of),
    "additions of peft": Door(_open_peft(peft_folder.WEIGHTS), safetensors_of),
}

"""The additions of a LoRA run as peft loads them on transformers' model: a few megabytes instead of all weights.

audiocraft has queries, keys and values in one matrix, transformers in three: each has a third of the rows of `up`, and
all of `down`. The projections of the conditions, which LoRA trains as they are, stand beside them.
"""

import re
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file

from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic

from ..models.lora import additions_of
from ..models.runs import BestOfRun
from ..weights import transformers_names
from ..weights.package import FACTS, PREFIX
from ..weights.peft_folder import CONFIG, SECONDS, WEIGHTS
from ..weights.peft_folder import PREFIX as IN_MODEL

PROJECTIONS = ("enc_to_dec_proj", "audio_enc_to_dec_proj")
_TRAINED_BESIDE = "condition_provider."


def require_additions(source: BestOfRun) -> None:
    """Stop if there are no additions that another's model could be given.

    Raises:
        UserError: what there is instead, or that peft is not installed.
    """
    if find_spec("peft") is None:
        raise UserError("--format peft: peft is not installed here: pip install peft")
    if not source.cfg.get("lora") or not source.cfg.lora.rank:
        raise UserError(
            "this model has no additions of LoRA: expected a run with lora.rank above 0; use another --format"
        )
    if not source.cfg.get("continue_from"):
        raise UserError("this run's frozen weights were drawn, and are nowhere else: use --format transformers")
    if not source.cfg.continue_from.startswith(PREFIX):
        raise UserError(
            f"this run began with {source.cfg.continue_from}, which others do not have: use --format transformers"
        )
    beside = [name for name in source.cfg.lora.train if not name.startswith(_TRAINED_BESIDE.rstrip("."))]
    if beside:
        raise UserError(f"lora.train={','.join(beside)} has no place among peft's additions: use --format transformers")


def write(source: BestOfRun, folder: Path, facts: dict[str, Any]) -> None:
    """Write `adapter_model.safetensors` and `adapter_config.json`.

    Raises:
        KeyError: if the run trained what has no place there; `require_additions` says so before.
    """
    from peft import LoraConfig

    tensors = dict(_tensors(source.trained))
    modules = sorted({name.rsplit(".", 3)[1] for name in tensors if ".lora_A." in name})
    base = str(source.cfg.continue_from).removeprefix(PREFIX)
    config = LoraConfig(  # peft hints at whole numbers, and divides by any
        r=int(source.cfg.lora.rank), lora_alpha=source.cfg.lora.alpha, target_modules=modules,
        lora_dropout=float(source.cfg.lora.dropout), modules_to_save=list(PROJECTIONS), inference_mode=True,
        base_model_name_or_path=base,
    )  # fmt: skip
    with atomic.replacing(folder / WEIGHTS) as temporary:
        save_file({IN_MODEL + name: one.float().contiguous() for name, one in tensors.items()}, temporary)
        temporary.chmod(0o644)  # safetensors makes it private
    atomic.write_json(folder / FACTS, {**facts, SECONDS: float(source.cfg.dataset.segment_duration)})
    values = config.to_dict()
    values["target_modules"] = modules  # a set there
    atomic.write_json(folder / CONFIG, values)


def _tensors(trained: transformers_names.State) -> Iterator[tuple[str, torch.Tensor]]:
    """Additions and projections, by transformers' names."""
    for name, down, up in additions_of(trained):
        if found := re.search(r"layers\.(\d+)\.self_attn\.in_proj_weight", name):
            places = transformers_names.thirds_of(found[1])
        else:
            places = [str(transformers_names.renamed(name, transformers_names.LANGUAGE_MODEL))]
        for place, rows in zip(places, up.chunk(len(places)), strict=True):
            module = place.removesuffix(".weight")
            yield f"{module}.lora_A.weight", down.clone()
            yield f"{module}.lora_B.weight", rows
    beside = {name: value for name, value in trained.items() if name.startswith(_TRAINED_BESIDE)}
    yield from transformers_names.to_transformers(beside).items()

"""A language model and its codec as audiocraft exports them: what `MusicGen.get_pretrained(FOLDER)` reads.

Both files hold tensors and text alone, so that they are read without unpickling.
"""

from pathlib import Path
from typing import Any

import audiocraft
import torch
from audiocraft.models.loaders import load_compression_model_ckpt
from omegaconf import DictConfig, OmegaConf

from dataset_builder.errors import UserError
from dataset_builder.runtime import atomic

from ..models.runs import BestOfRun
from ..weights.hub import from_hub
from ..weights.package import FACTS, LM_KEYS, PREFIX, TRAINING_ONLY, folder_of, load
from ..weights.published import CODEC, LANGUAGE_MODEL
from ..weights.transformers_folder import is_transformers_folder

_OURS_ALONE = ("separate", "cache_path")


def write(source: BestOfRun, folder: Path, facts: dict[str, Any]) -> None:
    """Write `state_dict.bin` and `compression_state_dict.bin`.

    Raises:
        UserError: if the codec cannot be had.
    """
    _save(_codec(str(source.cfg.compression_model_checkpoint).removeprefix(PREFIX)), folder / CODEC)
    atomic.write_json(folder / FACTS, facts)
    text = OmegaConf.to_yaml(_configuration(source.cfg))
    _save({"best_state": source.state, "xp.cfg": text}, folder / LANGUAGE_MODEL)


def _configuration(cfg: DictConfig) -> DictConfig:
    """What audiocraft builds the model of, without what concerns this machine."""
    values = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(values, dict)
    values["dataset"] = {"segment_duration": values["dataset"]["segment_duration"]}
    kept = {key: values[key] for key in LM_KEYS if key in values}
    kept |= {"solver": "musicgen", "channels": 1, "device": "cpu", "dtype": "float32"}
    chroma = kept["conditioners"]["self_wav"]["chroma_stem"]
    for key in _OURS_ALONE:
        chroma.pop(key, None)
    chroma |= {"n_chroma": 12, "argmax": True, "match_len_on_eval": chroma.get("match_len_on_eval", False)}
    return OmegaConf.create(kept)


def _codec(name: str) -> dict[str, Any]:
    """The codec's file: its weights, or the name by which audiocraft has it from the hub."""
    if folder_of(name):
        package = load(name, "codec")
        state = dict(package.state)
        for key in [key for key in state if key.endswith("_codebook.embed")]:
            state[key.replace("_codebook.embed", TRAINING_ONLY)] = state[key].clone()
        return {"best_state": state, "xp.cfg": OmegaConf.to_yaml(package.cfg)}
    if is_transformers_folder(Path(name)):
        raise UserError(f"its codec is in transformers' format in {name}: export it as transformers or ours")
    if "encodec" in name:
        return {"pretrained": name}
    with from_hub(name):
        return dict(load_compression_model_ckpt(name))


def _save(contents: dict[str, Any], path: Path) -> None:
    with atomic.replacing(path) as temporary:
        torch.save({**contents, "version": audiocraft.__version__, "exported": True}, temporary)

"""What a run needs of published models: which files, whether they are here, and how to get them.

Nothing is downloaded in here. What is in the hub's cache (`HF_HOME`) or, for htdemucs' older publication, in torch's
(`TORCH_HOME`) is found without a network; whether the hub can be reached is asked once, with a short timeout, so that
a run on a node without a network stops within seconds.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import torch
from omegaconf import DictConfig

from dataset_builder.errors import UserError

from . import description
from .description import shipped

TIMEOUT = 4.0  # seconds to wait for the hub's answer
HTDEMUCS = "adefossez/HTDemucs"
HTDEMUCS_LEGACY = "955717e8-8726e21a.th"


@dataclass(frozen=True)
class Model:
    """A published model.

    Attributes:
        repo: its name at the hub.
        files: what is read of it; of a tuple, one is enough.
        gigabytes: what they take on disk, roughly.
        licence: of the weights.
    """

    repo: str
    files: tuple[str | tuple[str, ...], ...]
    gigabytes: float
    licence: str


_MUSICGEN = ("state_dict.bin", "compression_state_dict.bin")
_T5 = ("config.json", ("model.safetensors", "pytorch_model.bin"), ("tokenizer.json", "spiece.model"))
_DESCRIPTIONS = ("config.json", "model.json", "adapter_config.json")  # what a folder of each other format begins with
_TRANSFORMERS = ("config.json", ("model.safetensors", "pytorch_model.bin"))
MODELS: dict[str, Model] = {
    model.repo: model
    for model in (
        Model("facebook/musicgen-melody", _MUSICGEN, 3.0, "CC-BY-NC 4.0"),
        Model("facebook/musicgen-melody-large", _MUSICGEN, 5.1, "CC-BY-NC 4.0"),
        Model("facebook/musicgen-small", _MUSICGEN, 1.1, "CC-BY-NC 4.0"),
        Model("facebook/encodec_32khz", _TRANSFORMERS, 0.3, "CC-BY-NC 4.0"),
        Model("t5-base", _T5, 0.9, "Apache-2.0"),
        Model("roberta-base", (("tokenizer.json", "vocab.json"),), 0.001, "MIT"),  # CLAP's tokenizer
        Model(HTDEMUCS, ("htdemucs.yaml", "955717e8.safetensors"), 0.1, "MIT"),
    )
}


def known(repo: str) -> Model:
    """The model of this name; of one that is not listed, any file that such a model begins with."""
    return MODELS.get(repo) or Model(repo, ((*_MUSICGEN, *_DESCRIPTIONS),), 0.0, "unknown")


def cache_folder(repo: str) -> Path:
    """Where the hub's cache keeps a repository."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE) / f"models--{repo.replace('/', '--')}"


def _here(repo: str, name: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(repo, name), str)


def legacy_htdemucs() -> Path:
    """Where torch keeps htdemucs' older publication."""
    return Path(torch.hub.get_dir()) / "checkpoints" / HTDEMUCS_LEGACY


def lacks_htdemucs() -> bool:
    """Whether the hub's cache has no htdemucs (torch's may)."""
    return not all(_here(HTDEMUCS, str(name)) for name in MODELS[HTDEMUCS].files)


def missing(repo: str) -> list[str]:
    """The files of a model that are not in the cache."""
    if repo == HTDEMUCS and legacy_htdemucs().is_file():
        return []
    lacking = []
    for names in known(repo).files:
        names = (names,) if isinstance(names, str) else names
        if not any(_here(repo, name) for name in names):
            lacking.append(names[0])
    return lacking


@cache
def reachable() -> str | None:
    """None if the hub answers, else why it does not."""
    from huggingface_hub import constants, is_offline_mode

    if is_offline_mode():
        return "offline mode is set"
    try:
        urlopen(Request(constants.ENDPOINT, method="HEAD"), timeout=TIMEOUT).close()
    except HTTPError:
        return None  # that is an answer
    except (OSError, HTTPException) as error:
        return f"the hub does not answer ({type(error).__name__})"
    return None


def how_to_get(repo: str) -> str:
    """The command that puts a model into the cache."""
    files = [name if isinstance(name, str) else name[0] for name in known(repo).files]
    return f"hf download {repo} {' '.join(files)}"


def require(repo: str) -> None:
    """Stop if a model is neither here nor to be had.

    Raises:
        UserError: what is missing, where it was looked for, and how to get it.
    """
    lacking = missing(repo)
    if not lacking:
        return
    reason = reachable()
    if reason is not None:
        raise UserError(
            f"the weights of {repo} are missing: no {', '.join(lacking)} in {cache_folder(repo)}, and {reason}; where "
            f"there is a network run: {how_to_get(repo)} (and copy that folder here, or set HF_HOME to where it is)"
        )


def snapshot(repo: str) -> Path:
    """The folder of a repository in the cache, which is filled where it lacks something; its code is not fetched.

    Raises:
        UserError: if it cannot be had.
    """
    from huggingface_hub import snapshot_download

    beside = ("generation_config.json", "preprocessor_config.json", "music_orchestrator.json", "*.safetensors*")
    with from_hub(repo):
        return Path(snapshot_download(repo, allow_patterns=[*_MUSICGEN, *_DESCRIPTIONS, *beside]))


def needs_of(cfg: DictConfig, resumed: bool = False) -> Iterator[str]:
    """Names at the hub of the models that a run reads; one that is resumed does not read what it began from."""
    for setting in ("continue_from", "compression_model_checkpoint")[resumed:]:
        name = str(cfg.get(setting) or "")
        if name.startswith(description.PREFIX) and not _is_local(name):
            yield name.removeprefix(description.PREFIX)
    for conditioner in (cfg.get("conditioners") or {}).values():
        if conditioner.get("model") == "t5":
            yield conditioner.t5.name
        if conditioner.get("model") == "chroma_stem":
            yield HTDEMUCS


def _is_local(name: str) -> bool:
    """Whether a name is one of our models, a path, or one that audiocraft makes up itself."""
    path = Path(name.removeprefix(description.PREFIX))
    ours = description.folder_of(name) is not None
    return ours or path.exists() or path.is_absolute() or path.name.startswith("debug")


def require_all(cfg: DictConfig, resumed: bool = False) -> None:
    """Stop if a run's published models are not to be had; see `require`."""
    for repo in dict.fromkeys(needs_of(cfg, resumed)):
        require(repo)


@contextmanager
def from_hub(name: str) -> Iterator[None]:
    """Turn what loading from the model hub may raise into one line.

    Raises:
        UserError: if the hub cannot be reached and holds no copy here, or knows no model of this name.
    """
    try:
        yield
    except (OSError, ValueError) as error:  # huggingface_hub's errors are among these
        reason = str(error).strip().splitlines()[0]
        raise UserError(
            f"{name!r} is none of ours ({', '.join(shipped())}) and could not be had from the model hub ({reason}): "
            "download it once where there is a network, or name another"
        ) from error

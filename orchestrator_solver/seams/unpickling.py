"""Seams of loading: what audiocraft and demucs would unpickle is read by `weights.safe_load`."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

from dataset_builder.errors import UserError

from ..paths import run_folder
from .registry import ModuleView, patches


@patches("audiocraft.utils.checkpoint", "audiocraft.utils.export", "flashy.solver")
def trust_own_checkpoints(module: ModuleType) -> None:
    """Why: a run's checkpoint pickles its OmegaConf configuration, which torch (since 2.6) refuses by default, so that
    the second start of a run, `continue_from` and `//sig/` fail. Safe globals do not help: a defaultdict is inside.
    Files outside of the folder of runs stay `weights_only`. Goes when: audiocraft saves plain containers."""
    torch = module.torch

    def load(source: Any, map_location: Any = "cpu", **kwargs: Any) -> Any:
        if isinstance(source, (str, Path)) and "weights_only" not in kwargs:
            if not Path(source).resolve().is_relative_to(run_folder()):
                from ..weights.safe_load import read

                return read(source, "audiocraft", map_location)
            return _own_checkpoint(torch.load, Path(source), map_location, kwargs)
        return torch.load(source, map_location, **kwargs)

    module.torch = ModuleView(torch, load=load)  # type: ignore[attr-defined]


def _own_checkpoint(load: Callable[..., Any], path: Path, map_location: Any, kwargs: dict[str, Any]) -> Any:
    """What a file in a run's folder holds.

    Raises:
        UserError: if it is torn, naming the newest of the folder that is whole.
    """
    from dora import get_xp, is_xp

    from ..weights.safe_load import is_whole

    try:
        return load(path, map_location, weights_only=False, **kwargs)
    except Exception as error:  # torch raises of every sort for a torn file; whatever is not torn goes on being raised
        if not path.is_file() or is_whole(path):
            raise
        others = sorted(path.parent.glob("checkpoint*.th"), key=lambda other: other.stat().st_mtime, reverse=True)
        whole = next((other for other in others if other != path and is_whole(other)), None)
        advice = "no other is whole: train anew (--clear)"
        if whole:
            advice = f"{whole} is whole: copy it there to go on from it"
            if is_xp() and get_xp().folder == path.parent and path.stem == "checkpoint" and "_" in whole.stem:
                advice += ", or add continue_from_whole=true"
        raise UserError(f"checkpoint {path} is torn; {advice}") from error


def _read_safely(module: ModuleType, maker: str) -> None:
    """Let a module's `torch.load` and `torch.hub.load_state_dict_from_url` read by `safe_load`, as files of `maker`."""

    def load(source: Any, map_location: Any = "cpu", **kwargs: Any) -> Any:
        from ..weights.safe_load import read

        return read(source, maker, map_location)

    def load_state_dict_from_url(url: str, **kwargs: Any) -> Any:
        from ..weights.safe_load import read_url

        return read_url(url, maker)

    torch = module.torch
    hub = ModuleView(torch.hub, load_state_dict_from_url=load_state_dict_from_url)
    module.torch = ModuleView(torch, load=load, hub=hub)  # type: ignore[attr-defined]


@patches("audiocraft.models.loaders")
def read_packages_safely(module: ModuleType) -> None:
    """Why: torch's download by URL, unlike torch.load, still unpickles whatever arrives; and what torch.load refuses
    is a page, not a line. Goes when: audiocraft publishes safetensors."""
    _read_safely(module, "audiocraft")


@patches("demucs.states", "demucs.repo")
def read_separators_safely(module: ModuleType) -> None:
    """Why: demucs unpickles its files, asked or not. Goes when: it reads only its safetensors from the hub."""
    _read_safely(module, "demucs")


@patches("demucs.hf")
def check_separators_class(module: ModuleType) -> None:
    """Why: demucs' safetensors name a class in their metadata, and demucs calls whatever is named there. Goes when:
    demucs keeps a list of its own."""
    load = module.load_safetensors_model

    def load_safetensors_model(path: Any) -> Any:
        from safetensors import safe_open

        with safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
        if metadata.get("klass") != "demucs.htdemucs.HTDemucs" or "structure" in metadata:
            raise UserError(f"{path} is refused: expected an HTDemucs, found {metadata.get('klass')!r}")
        return load(path)

    module.load_safetensors_model = load_safetensors_model  # type: ignore[attr-defined]


@patches("demucs.pretrained")
def prefer_what_is_here(module: ModuleType) -> None:
    """Why: demucs asks the hub for htdemucs first, and where there is no network waits for it, although its older
    publication lies in torch's folder. Goes when: the older one is forgotten."""
    get_model = module.get_model

    def from_here(name: str, repo: Path | None = None) -> Any:
        from ..weights import hub

        older = hub.legacy_htdemucs()
        if name == "htdemucs" and repo is None and older.is_file() and hub.lacks_htdemucs():
            from demucs.apply import BagOfModels
            from demucs.states import load_model

            return BagOfModels([load_model(older)]).eval()
        return get_model(name, repo)

    module.get_model = from_here  # type: ignore[attr-defined]


@patches("audiocraft.utils.utils")
def read_clap_safely(module: ModuleType) -> None:
    """Why: audiocraft lets laion_clap unpickle CLAP's checkpoint. Goes when: laion_clap reads weights only."""

    def load_clap_state_dict(clap_model: Any, path: Any) -> None:
        from ..weights.safe_load import read_clap

        clap_model.model.load_state_dict(read_clap(path))

    module.load_clap_state_dict = load_clap_state_dict  # type: ignore[attr-defined]


@patches("laion_clap.clap_module.model")
def leave_the_text_tower_empty(module: ModuleType) -> None:
    """Why: CLAP's network downloads the weights of RoBERTa (0.5 GB), which its own checkpoint then overwrites. Goes
    when: laion_clap builds its text tower by a configuration."""

    def of_its_shape(name: str) -> Any:
        from transformers import RobertaConfig, RobertaModel

        if name != "roberta-base":
            raise UserError(f"CLAP's text tower is {name}: expected roberta-base, which LAION's checkpoint has")
        return RobertaModel(RobertaConfig(max_position_embeddings=514, type_vocab_size=1, layer_norm_eps=1e-5))

    module.RobertaModel = SimpleNamespace(from_pretrained=of_its_shape)  # type: ignore[attr-defined]

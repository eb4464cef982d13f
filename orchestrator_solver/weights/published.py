"""Language models by name, as packages: ours, or as audiocraft publishes them."""

from pathlib import Path

from audiocraft.models import loaders as audiocraft_loaders
from omegaconf import DictConfig, OmegaConf

from dataset_builder.errors import UserError

from .hub import from_hub, require
from .package import PREFIX, Package, folder_of, load, state_hash

_OF_ITS_TRAINING = (  # what audiocraft drops, too: folders of its authors, and data options that are no longer
    "conditioners.self_wav.chroma_stem.cache_path", "conditioners.args.merge_text_conditions_p",
    "conditioners.args.drop_desc_p",
)  # fmt: skip


def language_model_package(name: str) -> Package:
    """The language model of this name: a shipped one's, an exported one's folder, or `//pretrained/NAME`.

    NAME may also be a repository at the hub (`facebook/musicgen-melody`), or a folder of audiocraft's format.

    Raises:
        UserError: if there is none, it cannot be had, or it is torn.
    """
    if folder_of(name) or not name.startswith(PREFIX):
        return load(name, "lm")
    if not Path(name.removeprefix(PREFIX)).exists():
        require(name.removeprefix(PREFIX))
    return published(name)


def published(name: str) -> Package:
    """A language model of audiocraft's format: the name of a repository at the hub, a folder or a file.

    Raises:
        UserError: if it cannot be had, or is no language model.
    """
    name = name.removeprefix(PREFIX)
    with from_hub(name):
        contents = audiocraft_loaders.load_lm_model_ckpt(name)
    if not isinstance(contents, dict) or not {"best_state", "xp.cfg"} <= contents.keys():
        raise UserError(f"{name} is no language model of audiocraft's: expected best_state and xp.cfg in its file")
    cfg = OmegaConf.create(contents["xp.cfg"])
    assert isinstance(cfg, DictConfig)
    for path in _OF_ITS_TRAINING:
        section = OmegaConf.select(cfg, path.rpartition(".")[0])
        if section is not None:
            section.pop(path.rpartition(".")[2], None)
    cfg.compression_model_checkpoint = PREFIX + name
    facts = {"published": name, "version": str(contents.get("version", ""))}
    return Package("lm", cfg, facts, contents["best_state"], state_hash(contents["best_state"]))

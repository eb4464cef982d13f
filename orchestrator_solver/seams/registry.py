"""The one list of what is replaced in other packages: patches, stand-ins, imports that wait, audiocraft's factories.

audiocraft 1.3.0 was released for torch 2.1, xformers and a checkout of its own repository, and is used as it is on
PyPI. Whatever is done to it, or to flashy, torch and demucs, is registered here, and says why and when it can go;
`orchestrator doctor --seams` prints all of it.

Where a package calls something through a module (`torch.load`, `subprocess.run`), only *its* name for that module is
replaced, so that nobody else's calls change.
"""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import Any

Patch = Callable[[ModuleType], None]
PATCHES: dict[str, tuple[Patch, ...]] = {}  # by the module that is patched after its own code has run
STAND_INS: dict[str, Patch] = {}  # by the module that may be absent: what fills an empty one
FALLBACKS: dict[str, Patch] = {}  # by the module whose own code may fail for want of a library: what fills it then


def patches(*modules: str) -> Callable[[Patch], Patch]:
    """Register a function as what is done to these modules."""

    def register(patch: Patch) -> Patch:
        PATCHES.update({module: (*PATCHES.get(module, ()), patch) for module in modules})
        return patch

    return register


def stands_in_for(module: str) -> Callable[[Patch], Patch]:
    """Register a function as what fills an empty module, where there is none of this name."""

    def register(fill: Patch) -> Patch:
        STAND_INS[module] = fill
        return fill

    return register


def falls_back_for(module: str) -> Callable[[Patch], Patch]:
    """Register a function as what fills a module whose own code cannot load a library."""

    def register(fill: Patch) -> Patch:
        FALLBACKS[module] = fill
        return fill

    return register


class ModuleView(ModuleType):
    """A module as one caller sees it: some names replaced, everything else passed on."""

    def __init__(self, module: ModuleType, **replaced: Any) -> None:
        super().__init__(module.__name__)
        self.__dict__.update(replaced, _module=module)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.__dict__["_module"], name)


@dataclass(frozen=True)
class LateImport:
    """Imports of a module that wait until they are used.

    Attributes:
        modules: whose import waits: packages, or modules that are named after `from`.
        reason: why they are seldom used there, and when the entry can go.
        may_be_absent: whether a module that is not installed is missed only when it is used.
    """

    modules: frozenset[str]
    reason: str
    may_be_absent: bool = False


LATE_IMPORTS: dict[str, LateImport] = {}  # by the module that imports


def imports_late(importer: str, *modules: str, why: str, may_be_absent: bool = False) -> None:
    """Let imports of a module wait until they are used. They must name modules, classes and functions alone.

    Args:
        importer: the module.
        modules: what it imports.
        why: when it uses them.
        may_be_absent: whether one that is not installed is missed only when it is used.
    """
    goes = "Python 3.15 is the oldest in use: `sys.set_lazy_imports_filter` does the same"
    if may_be_absent:
        goes = "that package imports it on use"
    reason = f"Why: {why}. Goes when: {goes}."
    LATE_IMPORTS[importer] = LateImport(frozenset(modules), reason, may_be_absent)


@dataclass(frozen=True)
class Factory:
    """A function of audiocraft's, through which it builds something that the project builds in its own way.

    Attributes:
        owner: the module, or `module:Class`.
        attribute: its name there.
        reason: why it is replaced, and when it can go.
    """

    owner: str
    attribute: str
    reason: str


FACTORIES: dict[str, Factory] = {
    "language_model": Factory(
        "audiocraft.models.builders", "get_lm_model",
        "Why: conditioners, fuser and LoRA of our own are no kinds that audiocraft's closed list knows. "
        "Goes when: audiocraft lets kinds be registered.",
    ),
    "codec": Factory(
        "audiocraft.models:CompressionModel", "get_pretrained",
        "Why: `//pretrained/NAME` is looked up among our packages first. Goes when: audiocraft reads safetensors.",
    ),
    "autoencoder": Factory(
        "audiocraft.models.builders", "get_encodec_autoencoder",
        "Why: the nano codec's encoder and decoder are no SEANet. Goes when: audiocraft lets kinds be registered.",
    ),
    "optimizer": Factory(
        "audiocraft.solvers.builders", "get_optimizer",
        "Why: D-Adaptation Adam by grouped operations, Prodigy, fused AdamW. "
        "Goes when: audiocraft lets optimizers be registered.",
    ),
}  # fmt: skip
_stock: dict[str, Any] = {}


def stock(name: str) -> Any:
    """What audiocraft itself has under a name of `FACTORIES`, whether or not it is replaced."""
    if name in _stock:
        return _stock[name]
    return getattr(_owner(FACTORIES[name]), FACTORIES[name].attribute)


def replace(name: str, ours: Callable[..., Any]) -> None:
    """Let audiocraft build through our function; a second time changes nothing."""
    factory = FACTORIES[name]
    owner = _owner(factory)
    _stock.setdefault(name, getattr(owner, factory.attribute))
    setattr(owner, factory.attribute, staticmethod(ours) if isinstance(owner, type) else ours)


def _owner(factory: Factory) -> Any:
    module, _, name = factory.owner.partition(":")
    found = importlib.import_module(module)
    return getattr(found, name) if name else found


def reasons() -> Iterator[tuple[str, str]]:
    """Everything that is replaced: what, and why and when it can go."""
    replaced = [(module, patch) for module, several in PATCHES.items() for patch in several]
    for module, patch in [*replaced, *STAND_INS.items(), *FALLBACKS.items()]:
        yield module, " ".join((patch.__doc__ or "").split())
    for importer, late in LATE_IMPORTS.items():
        yield f"{importer} imports late {', '.join(sorted(late.modules))}", late.reason
    for factory in FACTORIES.values():
        yield f"{factory.owner}.{factory.attribute}", factory.reason

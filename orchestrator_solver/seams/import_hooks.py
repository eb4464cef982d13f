"""Closes the seams: hooks that patch modules right after their own code has run, and supply those that are missing.

Nothing heavy is imported until somebody asks for it: `install` only registers the hooks and sets environment variables.
"""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

from . import (  # noqa: F401 - each registers its patches
    audio_files,
    chroma_filters,
    libraries,
    seldom_used,
    slurm_jobs,
    stand_ins,
    unpickling,
    wandb_logger,
)
from .late_imports import LateImports
from .registry import FALLBACKS, LATE_IMPORTS, PATCHES, STAND_INS, Patch, stands_in_for


class _PatchingLoader(Loader):
    """The module's own loader, some of whose imports may wait, then our patches."""

    def __init__(self, loader: Any, patches: Sequence[Patch]) -> None:
        self.loader, self.patches = loader, patches

    def __getattr__(self, name: str) -> Any:
        return getattr(self.loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        if late := LATE_IMPORTS.get(module.__name__):
            LateImports(module, late.modules, late.may_be_absent).execute(self.loader.exec_module)
        else:
            self.loader.exec_module(module)
        for patch in self.patches:
            patch(module)


class FallbackLoader(_PatchingLoader):
    """The module's own loader; our stand-in only where it links a library that is missing, or of another build."""

    def __init__(self, loader: Any, fill: Patch) -> None:
        super().__init__(loader, ())
        self.fill = fill

    def exec_module(self, module: ModuleType) -> None:
        try:
            self.loader.exec_module(module)
        except (OSError, RuntimeError):
            self.fill(module)


class _StandInLoader(Loader):
    """An empty module, filled by us."""

    def __init__(self, fill: Patch) -> None:
        self.fill = fill

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        self.fill(module)


class _PatchFinder(MetaPathFinder):
    """First in line: finds modules that exist, and has them patched or replaced."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name == "audiocraft.train":
            return ModuleSpec(name, _StandInLoader(STAND_INS[name]))
        if not any(name in hooked for hooked in (PATCHES, FALLBACKS, LATE_IMPORTS)):
            return None
        others = (finder for finder in sys.meta_path if finder is not self)
        spec = next((spec for finder in others if (spec := finder.find_spec(name, path, target))), None)
        if spec is not None:
            fallback = FALLBACKS.get(name)
            spec.loader = (
                FallbackLoader(spec.loader, fallback)
                if fallback
                else _PatchingLoader(spec.loader, PATCHES.get(name, ()))
            )
        return spec


class _Supplier(MetaPathFinder):
    """Last in line: supplies modules that nobody else found."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name not in STAND_INS:
            return None
        return ModuleSpec(name, _StandInLoader(STAND_INS[name]), is_package="." not in name)


def install(entry_point: str) -> None:
    """Close every seam, once. Call it before anything imports audiocraft: importing `orchestrator_solver` does.

    Args:
        entry_point: the module that stands in for `audiocraft.train`.
    """
    if any(isinstance(finder, _PatchFinder) for finder in sys.meta_path):
        return

    @stands_in_for("audiocraft.train")
    def stand_in_for_train(module: ModuleType) -> None:
        """Why: `audiocraft.train` reads a `config/` that is not in audiocraft's package, so that its import fails; yet
        `//sig/` and loading a solver by its signature import it. Ours has the same `main`, `get_solver_from_sig` and
        `get_solver_from_xp`. Goes when: audiocraft takes the entry point as an argument."""
        sys.modules[module.__name__] = importlib.import_module(entry_point)

    libraries.point_to_our_settings()
    sys.meta_path.insert(0, _PatchFinder())
    sys.meta_path.append(_Supplier())
    for name in PATCHES.keys() & sys.modules.keys():  # Dora imports us late, and torch may have been there
        for patch in PATCHES[name]:
            patch(sys.modules[name])

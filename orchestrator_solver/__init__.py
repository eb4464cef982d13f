"""The Music Synthesizer: recipe, metrics, evaluation and generation, on audiocraft's solver framework."""

from typing import TYPE_CHECKING, Any

from .seams import import_hooks

if TYPE_CHECKING:
    from .generation.orchestrator import Orchestrator

__all__ = ["Orchestrator"]

import_hooks.install(entry_point="orchestrator_solver.train")


def __getattr__(name: str) -> Any:
    """`Orchestrator`, imported when somebody asks for it: nobody else waits for torch."""
    if name == "Orchestrator":
        from .generation.orchestrator import Orchestrator

        return Orchestrator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

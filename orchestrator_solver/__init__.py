"""The Music Synthesizer: recipe, metrics, evaluation and generation, on audiocraft's solver framework."""

from .seams import import_hooks

import_hooks.install(entry_point="orchestrator_solver.train")

"""The Music Synthesizer: recipe, metrics, evaluation and generation, on audiocraft's solver framework."""

from . import compat

compat.install()

"""All doors, by name."""

from collections.abc import Mapping
from importlib import import_module

import orchestrator_solver  # noqa: F401  closes audiocraft's seams before a door imports it

from .door import Door

_ROOMS = (
    "sources",
    "data_sets",
    "answers",
    "models",
    "foreign_models",
    "players",
)  # the last three import torch, for seconds


def doors() -> dict[str, Door]:
    """Every door, in order."""
    return {name: door for room in _ROOMS for name, door in _doors_of(room).items()}


def find(name: str) -> Door:
    """The door of this name; no more is imported than has to be."""
    return next(found[name] for found in map(_doors_of, _ROOMS) if name in found)


def _doors_of(room: str) -> Mapping[str, Door]:
    found: Mapping[str, Door] = import_module(f".{room}", __package__).DOORS
    return found

"""What counts as one instrument of a track: a stem, or all stems of a family or class together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..music.instruments import family_of


class Playing(Protocol):
    """What is known of a stem from its metadata."""

    @property
    def id(self) -> str: ...
    @property
    def program(self) -> int: ...
    @property
    def instrument(self) -> str | None: ...


GROUPINGS: dict[str, Callable[[Playing], str]] = {
    "stem": lambda stem: stem.id,
    "family": lambda stem: family_of(stem.program).replace(" (continued)", ""),
    "class": lambda stem: str(stem.instrument),
}


@dataclass(frozen=True)
class Part:
    """One instrument of a track.

    Attributes:
        id: safe in a file name; a stem's own where each stem is a part.
        instrument: what tells it from others: two parts of the same are never put together in a submix.
        stems: ids of its stems.
    """

    id: str
    instrument: str
    stems: tuple[str, ...]


def parts_of(stems: Sequence[Playing], grouping: str) -> list[Part]:
    """The parts that stems make, in order of their first stem. Every stem needs an instrument."""
    members: dict[str, list[Playing]] = {}
    for stem in stems:
        members.setdefault(GROUPINGS[grouping](stem), []).append(stem)
    return [
        Part(_file_name(name), str(group[0].instrument) if grouping == "stem" else name, tuple(s.id for s in group))
        for name, group in members.items()
    ]


def _file_name(name: str) -> str:
    return "-".join(name.replace("/", " ").split())

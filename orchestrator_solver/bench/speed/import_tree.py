"""What Python's `-X importtime` says: how long each import took by itself, and who asked for it."""

import re
from dataclasses import dataclass

_LINE = re.compile(r"import time:\s+(\d+) \|\s+\d+ \| ( *)(\S+)$", re.MULTILINE)
_TOP = "the command"


@dataclass(frozen=True)
class Import:
    """A module's own part of the time that an import takes.

    Attributes:
        module: its name.
        seconds: of wall time, without what it imports in its turn.
        asked_by: who imported it first.
    """

    module: str
    seconds: float
    asked_by: str


def costliest(output: str, count: int) -> tuple[Import, ...]:
    """The imports that took longest by themselves, the longest first.

    Args:
        output: of `-X importtime`, where a module's line follows those of the modules that it imports.
        count: how many.
    """
    askers: dict[int, str] = {}  # by depth: from the end, the last module that was seen there
    imports = []
    for microseconds, indent, module in reversed(_LINE.findall(output)):
        askers[len(indent)] = module
        imports.append(Import(module, int(microseconds) / 1e6, askers.get(len(indent) - 2, _TOP)))
    return tuple(sorted(imports, key=lambda one: one.seconds, reverse=True)[:count])

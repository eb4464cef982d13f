"""YAML that a stranger wrote: read only if it is as small and as plain as the description of a track needs to be."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from ..runtime.untrusted import read_regular

LARGEST = 1 << 18  # bytes, also of what aliases stand for; a track of Slakh2100 with 42 stems needs about 11 KB
DEEPEST = 20  # levels; Slakh2100's have 3
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_yaml(path: Path) -> Any:
    """What a YAML file holds; safe types only.

    Raises:
        OSError: if it is missing or cannot be read.
        ValueError: if it is no regular file, too large (also with what its aliases stand for, ten lines of which can
            mean more than any memory holds), nested too deeply, names a key twice, of which YAML keeps one, or tags a
            value with a type that it does not have.
        yaml.YAMLError: if it is not YAML.
    """
    text = read_regular(path, LARGEST).decode()
    require_plain(text)
    try:
        return yaml.load(text, Loader=_LOADER)
    except (IndexError, AttributeError, KeyError, TypeError, OverflowError) as error:  # of `!!int ''` and the like
        raise ValueError(f"a value is not of the type that its tag names ({type(error).__name__}: {error})") from error


@dataclass
class _Open:
    """A list or mapping that has begun: its anchor, its size so far, the nodes in it, and its keys if it has any."""

    anchor: str | None
    is_mapping: bool = False
    size: int = 1
    nodes: int = 0
    keys: set[str] = field(default_factory=set)

    def add(self, event: yaml.NodeEvent) -> None:
        """Begin its next node; in a mapping every other one is a key."""
        if self.is_mapping and self.nodes % 2 == 0 and isinstance(event, yaml.ScalarEvent):
            if event.value in self.keys:
                raise ValueError(f"it names {event.value!r:.80} twice")
            self.keys.add(event.value)
        self.nodes += 1


def require_plain(text: str) -> None:
    """Look at the events alone, which take no recursion and no memory, before anything is made of them.

    Raises:
        ValueError: if they are more, nested more deeply or said twice, see `read_yaml`.
        yaml.YAMLError: if it is not YAML.
    """
    if len(text) > LARGEST:
        raise ValueError(f"it has {len(text)} letters, expected at most {LARGEST}")
    levels, sizes = [_Open(None)], dict[str, int]()
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionEndEvent):
            ended = levels.pop()
            size, anchor = ended.size, ended.anchor
        elif isinstance(event, yaml.NodeEvent):
            levels[-1].add(event)
            if isinstance(event, yaml.CollectionStartEvent):
                levels.append(_Open(event.anchor, isinstance(event, yaml.MappingStartEvent)))
                if len(levels) > DEEPEST + 1:
                    raise ValueError(f"it is nested more than {DEEPEST} levels deep")
                continue
            anchor = None if isinstance(event, yaml.AliasEvent) else event.anchor
            size = _size(event, sizes)
        else:
            continue
        levels[-1].size += size
        if levels[-1].size > LARGEST:
            raise ValueError("its aliases stand for too much")
        if anchor is not None:
            sizes[anchor] = size


def _size(event: yaml.NodeEvent, sizes: dict[str, int]) -> int:
    """Bytes, about, that a scalar has or an alias stands for."""
    if isinstance(event, yaml.ScalarEvent):
        return 1 + len(event.value)
    if event.anchor not in sizes:
        raise ValueError(f"its alias *{event.anchor} stands within what it means, or before it")
    return sizes[event.anchor]

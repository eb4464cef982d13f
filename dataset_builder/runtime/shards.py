"""A part of a work that several machines share."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from ..errors import UserError

_Anything = TypeVar("_Anything")


@dataclass(frozen=True)
class Shard:
    """One of `count` parts of a data set's tracks; `index` counts from 1."""

    index: int
    count: int

    @classmethod
    def parse(cls, text: str) -> "Shard":
        """A shard from `i/n`.

        Raises:
            UserError: if it is none.
        """
        match = re.fullmatch(r"(\d+)/(\d+)", text)
        if not match or not 1 <= int(match[1]) <= int(match[2]):
            raise UserError(f"shard {text!r}: expected i/n with i from 1 to n, such as 1/4")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    @property
    def name(self) -> str:
        """Of its files and its lock."""
        return f"shard-{self.index}-of-{self.count}"

    def of(self, tracks: Sequence[_Anything]) -> Sequence[_Anything]:
        """The shard's tracks: every `count`-th, so that neighbours of like length are spread."""
        return tracks[self.index - 1 :: self.count]

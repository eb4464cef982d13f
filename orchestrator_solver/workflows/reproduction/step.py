"""A step of a reproduction: a command line, and what can be said of it before it is run."""

import shlex
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

PROGRAMS = {  # by the word that a user types
    "orchestrator": (sys.executable, "-m", "orchestrator_solver.cli"),
    "dora": (sys.executable, "-m", "dora", "--package", "orchestrator_solver"),
    "python": (sys.executable,),
}


@dataclass(frozen=True)
class Takes:
    """What a step takes, about.

    Attributes:
        hours: of this machine, or of the GPUs that were named.
        gigabytes: that it leaves on disk.
        dollars: to others than the machine's owner.
        rule: how these were reckoned.
    """

    hours: float
    gigabytes: float = 0.0
    dollars: float = 0.0
    rule: str = ""


@dataclass(frozen=True)
class Lack:
    """What a step would miss, and how to get it.

    Attributes:
        text: both, in a line.
        of_node: whether another machine may have it, as a GPU.
    """

    text: str
    of_node: bool = False


@dataclass(frozen=True)
class Step:
    """A command of the reproduction.

    Attributes:
        name: a word.
        makes: what it is for.
        command: the words that a user would type, all paths absolute.
        takes: time, disk and money.
        files: which are there once it is done.
        lacks: what it would miss here, looked at when asked.
        whole: whether what it left is all of it, beyond that its files are there.
        is_there: whether it need not be run, though we did not run it.
        on_gpu: whether it wants the GPUs.
    """

    name: str
    makes: str
    command: tuple[str, ...]
    takes: Takes
    files: tuple[Path, ...] = ()
    lacks: Callable[[], Iterable[Lack]] = tuple
    whole: Callable[[], bool] = lambda: True
    is_there: Callable[[], bool] = lambda: False
    on_gpu: bool = False

    @property
    def line(self) -> str:
        """The command for a shell."""
        return shlex.join(self.command)

    @property
    def argv(self) -> list[str]:
        """The command for a process of this environment."""
        program, *words = self.command
        return [*PROGRAMS.get(program, (program,)), *words]

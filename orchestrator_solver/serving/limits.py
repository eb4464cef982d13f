"""How much a stranger may ask of this machine."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """What is refused, in one line, when it is more.

    Attributes:
        max_seconds: of a tune, and of a take.
        max_megabytes: of a tune's file.
        max_queue: requests that wait.
        timeout: seconds that the takes of one request may need, from when they begin.
    """

    max_seconds: float = 60.0
    max_megabytes: float = 20.0
    max_queue: int = 16
    timeout: float = 300.0

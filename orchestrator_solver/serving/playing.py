"""A wish, played in a thread of its own, which ends soon after nobody waits for it, or when its time is over."""

import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from dataset_builder.errors import UserError

from ..generation.orchestrator import Orchestrator
from ..generation.recordings import Recording
from ..generation.request import Request
from ..generation.sampling import SamplingSettings
from ..generation.takes.choice import DEFAULT
from .wish import Wish

_TELL_EVERY = 0.5  # seconds, at which whoever waits is asked whether they still do


@dataclass(frozen=True)
class Share:
    """How much of it is done, 0..1."""

    value: float


@dataclass(frozen=True)
class Piece:
    """The next samples `[T]` of the first take."""

    wav: np.ndarray


@dataclass(frozen=True)
class Played:
    """All takes, at the end."""

    recordings: Sequence[Recording]


Event = Share | Piece | Played


class _Stopped(Exception):
    """Nobody waits for it any more."""


class Performance:
    """The takes of a wish.

    Args:
        player: who plays.
        request: what.
        wish: how often, how long, and how.
        timeout: seconds that it may take.
    """

    def __init__(self, player: Orchestrator, request: Request, wish: Wish, timeout: float) -> None:
        self._player, self._request, self._wish, self._timeout = player, request, wish, timeout
        self.seconds = wish.seconds or request.reference.seconds
        self._stop = threading.Event()
        self._deadline = float("inf")

    def events(self) -> Iterator[Event]:
        """Shares and pieces as they come, and all takes at the end; closing it stops the playing.

        Raises:
            UserError: if the device has too little memory, or it takes longer than it may.
        """
        happened: queue.Queue[Event | BaseException | None] = queue.Queue()
        self._deadline = time.monotonic() + self._timeout
        done = Share(0.0)
        with ThreadPoolExecutor(1, "performance") as thread:
            thread.submit(self._perform, happened.put)
            try:
                while (event := _next(happened, done)) is not None:
                    if isinstance(event, BaseException):
                        raise event
                    done = event if isinstance(event, Share) else done
                    yield event
            finally:
                self._stop.set()

    def _perform(self, tell: Callable[[Event | BaseException | None], None]) -> None:
        try:
            tell(Played(self._takes(tell)))
            tell(None)
        except _Stopped:
            pass
        except Exception as error:  # noqa: BLE001 - it is raised where somebody hears it
            tell(error)

    def _takes(self, tell: Callable[[Event], None]) -> list[Recording]:
        """The first take, piece by piece, so that it is heard while the others are made, all at once."""
        wish, count = self._wish, self._wish.takes
        sampling = SamplingSettings(wish.seed, wish.guidance, wish.temperature)
        takes = [self._heard_take(sampling, tell, self._progress(tell, 0, 1 / count))]
        if count > 1:
            seeds = [wish.seed + number for number in range(1, count)]
            progress = self._progress(tell, 1 / count, 1)
            takes += self._player.play(
                [self._request] * (count - 1), self.seconds, sampling, seeds, progress, DEFAULT.metrics()
            )
        return takes

    def _heard_take(
        self, sampling: SamplingSettings, tell: Callable[[Event], None], progress: Callable[[float], None]
    ) -> Recording:
        begun, pieces = time.perf_counter(), []
        for piece in self._player.stream(self._request, self.seconds, sampling, progress):
            tell(Piece(piece))
            pieces.append(piece)
        took = time.perf_counter() - begun
        return self._player.recorded(
            self._request, np.concatenate(pieces), took, self.seconds, sampling, DEFAULT.metrics()
        )

    def _progress(self, tell: Callable[[Event], None], first: float, last: float) -> Callable[[float], None]:
        """What is told of a part that goes from share `first` to share `last`; raises where it has to stop."""

        def progress(share: float) -> None:
            if self._stop.is_set():
                raise _Stopped
            if time.monotonic() > self._deadline:
                raise UserError(f"playing takes longer than the {self._timeout:g} s that this server gives: {_LESS}")
            tell(Share(first + (last - first) * share))

        return progress


_LESS = "ask for fewer seconds or takes"


def _next(happened: "queue.Queue[Event | BaseException | None]", done: Share) -> Event | BaseException | None:
    try:
        return happened.get(timeout=_TELL_EVERY)
    except queue.Empty:
        return done  # said again: whoever went away is noticed by it

"""What the server keeps for those who use it: tune and takes, while they are there, and an hour at most.

A take is found by a word that nobody can guess, so that only those find it who were told.
"""

import secrets
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..generation.recordings import Recording, write
from .hearing import Heard
from .live import LiveWav


@dataclass(frozen=True)
class KeptTake:
    """A recording on disk.

    Attributes:
        recording: what was played.
        token: the word by which it is found.
        name: of the wav file; that of the record ends in `.json`.
    """

    recording: Recording
    token: str
    name: str

    def address(self, ending: str = "wav") -> str:
        """Where the server has the file of this ending, from its root."""
        return f"takes/{self.token}/{Path(self.name).with_suffix(f'.{ending}')}"


@dataclass
class _Session:
    """Of one user."""

    used: float
    heard: Heard | None = None
    live: dict[str, LiveWav] = field(default_factory=dict)
    tokens: list[str] = field(default_factory=list)


class Sessions:
    """All that is kept; threads may share it.

    Args:
        folder: to write takes to; it is there, and this server's alone.
        capacity: sessions that are kept, of which the one that was used longest ago is forgotten first.
        age: seconds after which a session that is not used is forgotten.
    """

    def __init__(self, folder: Path, capacity: int = 50, age: float = 3600.0) -> None:
        self._folder, self._capacity, self._age = folder, capacity, age
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._changing = threading.RLock()

    def remember(self, key: str, heard: Heard) -> None:
        """Keep the tune of a session, in place of the one before."""
        with self._changing:
            self._of(key).heard = heard

    def heard(self, key: str) -> Heard | None:
        """The tune of a session, if it has one."""
        with self._changing:
            return self._of(key).heard

    def begin_live(self, key: str, live: LiveWav) -> str:
        """Let a take be heard while it is played; returns where, from the server's root."""
        with self._changing:
            token = secrets.token_urlsafe(16)
            self._of(key).live = {token: live}
            return f"live/{token}.wav"

    def live(self, token: str) -> LiveWav | None:
        """What is being played under this word."""
        with self._changing:
            return next((session.live[token] for session in self._sessions.values() if token in session.live), None)

    def keep(self, key: str, recordings: Sequence[Recording]) -> list[KeptTake]:
        """Write a session's takes.

        Raises:
            UserError: if they cannot be written.
        """
        with self._changing:
            return [self._write(self._of(key), recording) for recording in recordings]

    def file(self, token: str, name: str) -> Path | None:
        """A take's file of exactly this name, if it is kept."""
        with self._changing:
            self._forget_old()
            if not any(token in session.tokens for session in self._sessions.values()):
                return None
            return next((path for path in (self._folder / token).iterdir() if path.name == name), None)

    def forget(self, key: str) -> None:
        """Delete all that a session has."""
        with self._changing:
            session = self._sessions.pop(key, None)
            for token in session.tokens if session else ():
                shutil.rmtree(self._folder / token, ignore_errors=True)

    def _write(self, session: _Session, recording: Recording) -> KeptTake:
        token = secrets.token_urlsafe(16)
        session.tokens.append(token)
        (self._folder / token).mkdir()
        return KeptTake(recording, token, write(recording, self._folder / token, "wav").name)

    def _of(self, key: str) -> _Session:
        """A session, which has now been used."""
        self._forget_old()
        session = self._sessions.setdefault(key, _Session(0.0))
        session.used = time.monotonic()
        self._sessions.move_to_end(key)
        return session

    def _forget_old(self) -> None:
        oldest = time.monotonic() - self._age
        keys = list(self._sessions)
        old = [key for key in keys if self._sessions[key].used < oldest]
        for key in {*old, *keys[: max(0, len(keys) - self._capacity)]}:
            self.forget(key)

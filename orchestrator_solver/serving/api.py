"""The named endpoints of the HTTP API: JSON in, JSON out, mistakes as an error of one line."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr

from dataset_builder.errors import UserError

from ..generation.orchestrator import Orchestrator
from ..generation.request import Request
from .cards import best_of
from .families import FAMILIES
from .hearing import Heard, Listener, described
from .playing import Performance, Played, Share
from .sessions import KeptTake, Sessions
from .wish import Facts, Limits, Wish, facts_of, wish_of


@contextmanager
def told_to_the_user() -> Iterator[None]:
    """Users' mistakes reach those who made them, in one line; of other errors only the server's own log says more."""
    try:
        yield
    except UserError as error:
        line = " ".join(str(error).split())
        raise gr.Error(line, title="That cannot be done", print_exception=False) from error


class Api:
    """What can be asked for.

    Args:
        player: who plays.
        listener: who reads the tunes.
        sessions: where takes are kept.
        limits: of what may be asked.
    """

    def __init__(self, player: Orchestrator, listener: Listener, sessions: Sessions, limits: Limits) -> None:
        self._player, self._listener, self._sessions, self._limits = player, listener, sessions, limits

    def instruments(self) -> dict:
        """The instruments that every model knows, by family."""
        return {family: list(names) for family, names in FAMILIES.items()}

    def describe(self, tune: dict, bpm: float | None = None, key: str | None = None) -> dict:
        """Tempo, key and description of an uploaded tune; those that are given stand in place of what is heard."""
        with told_to_the_user():
            heard = self._heard(tune, facts_of(bpm, key))
        reference = heard.reference
        return {
            "name": heard.name, "seconds": round(reference.seconds, 3), "bpm": heard.facts.bpm, "key": heard.facts.key,
            "description": heard.description.text, "notes": list(reference.notes),
        }  # fmt: skip

    def orchestrate(
        self, request: gr.Request, tune: dict, instruments: str, description: str | None = None,
        bpm: float | None = None, key: str | None = None, seconds: float | None = None, takes: int = 1, seed: int = 0,
        guidance: float | None = None, temperature: float = 1.0,
    ) -> Iterator[dict]:  # fmt: skip
        """Takes of an uploaded tune: shares of what is done as it goes on, at last addresses, scores and records."""
        with told_to_the_user():
            wish = wish_of(
                self._limits.max_seconds, instruments=instruments, description=description, bpm=bpm, key=key,
                seconds=seconds, takes=takes, seed=seed, guidance=guidance, temperature=temperature,
            )  # fmt: skip
            asked = asked_of(self._player, self._heard(tune, wish), wish)
            yield {"done": 0.0}  # from here on Gradio knows what to close when who asked is gone
            for event in Performance(self._player, asked, wish, self._limits.timeout).events():
                if isinstance(event, Share):
                    yield {"done": round(event.value, 3)}
                elif isinstance(event, Played):
                    yield answer_of(self._sessions.keep(str(request.session_hash), event.recordings))

    def _heard(self, tune: Any, facts: Facts) -> Heard:
        path = tune.get("path") if isinstance(tune, dict) else None
        if not isinstance(path, str):
            raise UserError('tune is no file: expected {"path": ...} of what its upload answered')
        return described(self._listener.hear(Path(path)), facts)


def asked_of(player: Orchestrator, heard: Heard, wish: Wish) -> Request:
    """What a model is asked for.

    Raises:
        UserError: if it does not know a word.
    """
    description = heard.description if wish.description is None else wish.description
    if description == heard.description.text:
        description = heard.description  # left as it was found
    return player.request(heard.reference, wish.instruments, description)


def answer_of(takes: list[KeptTake]) -> dict[str, Any]:
    """What the API answers of takes."""
    recordings = [take.recording for take in takes]
    return {
        "best": best_of(recordings),
        "takes": [
            {"name": take.name, "wav": f"/{take.address()}", "json": f"/{take.address('json')}",
             "scores": take.recording.record["scores"], "record": take.recording.record}
            for take in takes
        ],
    }  # fmt: skip

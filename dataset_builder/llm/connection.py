"""A client of a chat server, which sends only what is meant for that server."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import openai

from .settings import ChatSettings

_Client = TypeVar("_Client", openai.OpenAI, openai.AsyncOpenAI)


def connect(kind: type[_Client], settings: ChatSettings, retries: int = 0) -> _Client:
    """A client of the settings' server, with its key.

    Organisation, project and further headers of the environment go to OpenAI alone.

    Raises:
        UserError: without a key, if the server wants one.
    """
    own: dict[str, Any] = {"base_url": settings.url(), "api_key": settings.key()}
    own |= {"timeout": settings.timeout, "max_retries": retries}
    if settings.is_openai():
        return kind(**own)
    with _without_openais_variables():
        return kind(**own)


@contextmanager
def _without_openais_variables() -> Iterator[None]:
    """An environment without `OPENAI_...`: the library reads it where an argument is None, and has no switch for it."""
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("OPENAI_")}
    try:
        yield
    finally:
        os.environ.update(hidden)

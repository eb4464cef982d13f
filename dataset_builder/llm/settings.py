"""How a language model is reached, and what it may cost."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from ..errors import UserError

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI

KEY = "OPENAI_API_KEY"
OTHER_KEY = "CHAT_API_KEY"  # for a server that is not OpenAI's
_OPENAI = "api.openai.com"
Client = TypeVar("Client", "OpenAI", "AsyncOpenAI")


@dataclass(frozen=True)
class ChatSettings:
    """A model behind an OpenAI-compatible endpoint. The key is read from the environment, and kept nowhere.

    Attributes:
        model: as the server names it.
        base_url: of the server; by default `OPENAI_BASE_URL`, or OpenAI's.
        concurrency: requests in flight.
        requests_per_minute: limit of the account; None for none.
        tokens_per_minute: of all requests, in and out together.
        budget: dollars that a run may spend; None for no limit.
        price: dollars for a million tokens as `IN,OUT`, for a model whose price is not known here.
        timeout: seconds until a request is given up.
        attempts: of a request that fails for a reason that may pass.
        backoff: seconds before the second attempt, doubled for each further one; a server's Retry-After comes first.
        cache: folder of answers; by default in the user's cache folder.
        key_name: the environment's variable that holds the key; OpenAI's is sent to OpenAI, or where it is told to.
        anonymous: whether the server may want no key.
        send_openai_key: whether `OPENAI_API_KEY` is meant for `base_url`, whoever's that is.
        options: what the command line's names of these begin with.
    """

    model: str = "gpt-4o"
    base_url: str | None = None
    concurrency: int = 8
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    budget: float | None = None
    price: str | None = None
    timeout: float = 60.0
    attempts: int = 6
    backoff: float = 1.0
    cache: Path | None = None
    key_name: str = KEY
    anonymous: bool = False
    send_openai_key: bool = False
    options: str = "--"

    def __post_init__(self) -> None:
        """Raises UserError for numbers that make no sense."""
        for name in ("concurrency", "attempts"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} is {getattr(self, name)}: expected at least 1")
        for name in ("requests_per_minute", "tokens_per_minute", "timeout"):
            if (value := getattr(self, name)) is not None and value <= 0:
                raise UserError(f"{name} is {value}: expected more than 0")
        if self.budget is not None and self.budget < 0:
            raise UserError(f"budget is {self.budget}: expected at least 0 dollars")

    def url(self) -> str:
        """Of the server."""
        return self.base_url or os.environ.get("OPENAI_BASE_URL") or f"https://{_OPENAI}/v1"

    def is_openai(self) -> bool:
        """Whether the server is OpenAI's own, or one of its regions'."""
        parts = urlsplit(self.url())
        host = parts.hostname or ""
        return parts.scheme == "https" and (host == _OPENAI or host.endswith(f".{_OPENAI}"))

    def key_variable(self) -> str:
        """The environment's variable whose value is sent to the server.

        `OPENAI_BASE_URL` says whom OpenAI's key is for, as `send_openai_key` does; a `base_url` by itself does not.
        """
        told = self.is_openai() or self.send_openai_key or self.base_url is None
        return OTHER_KEY if self.key_name == KEY and not told else self.key_name

    def key(self) -> str:
        """The key; "none" for a server that may want none.

        Raises:
            UserError: if there is none, and the server wants one.
        """
        variable = self.key_variable()
        key = os.environ.get(variable)
        if not key and not self.anonymous and variable != OTHER_KEY:
            raise UserError(f"descriptions by a language model need {variable}: set it, or have the template describe")
        return key or "none"


def connect(kind: type[Client], settings: ChatSettings, retries: int = 0) -> Client:
    """A client of the settings' server, with its key: what is sent is meant for that server.

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

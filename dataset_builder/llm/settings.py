"""How a language model is reached, and what it may cost."""

import os
from dataclasses import dataclass
from pathlib import Path

from ..errors import UserError

KEY = "OPENAI_API_KEY"


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
        key_name: the environment's variable that holds the key.
        anonymous: whether the server may want no key.
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

    def key(self) -> str:
        """The key.

        Raises:
            UserError: if there is none, and the server wants one.
        """
        key = os.environ.get(self.key_name)
        if not key and not self.anonymous:
            raise UserError(
                f"descriptions by a language model need {self.key_name}: set it, or use --descriptions template"
            )
        return key or "none"

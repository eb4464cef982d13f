"""What it means that a request fails: whether it may pass, whether it is hopeless for all, and why in one line."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import openai

from ..errors import UserError
from .answer_cache import Answer
from .settings import ChatSettings

# Statuses of which a later attempt may be free: the request was not worked on.
NOT_CHARGED = (openai.RateLimitError, openai.InternalServerError)
_MAY_PASS = (*NOT_CHARGED, openai.APIConnectionError, openai.ConflictError)
# What would fail for every other question, too.
_HOPELESS = (openai.AuthenticationError, openai.PermissionDeniedError, openai.NotFoundError)


class NoAnswerError(Exception):
    """What came is no answer: nothing, or no JSON.

    Attributes:
        charged: what the server counted for it, if it said.
    """

    def __init__(self, reason: str, charged: Answer | None = None):
        super().__init__(reason)
        self.charged = charged


def may_pass(error: BaseException) -> bool:
    """Whether another attempt may go well."""
    return isinstance(error, (*_MAY_PASS, NoAnswerError))


def raise_if_hopeless(error: openai.OpenAIError, settings: ChatSettings, url: str) -> None:
    """Raises UserError if every other request would fail for the same reason."""
    if isinstance(error, openai.RateLimitError) and error.code == "insufficient_quota":
        raise UserError(f"the quota at {url} is used up: see to the account, then run it again") from error
    if not isinstance(error, _HOPELESS):
        return
    if isinstance(error, openai.NotFoundError):
        raise UserError(f"{url} does not know {settings.model!r}: name another model, or another server") from error
    raise UserError(
        f"{url} refuses {settings.key_variable()}: it is wrong, missing, expired, or may not use {settings.model!r}"
    ) from error


def retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds that the server asks to wait, given as such or as a date."""
    told = error.response.headers.get("Retry-After")
    if told is None:
        return None
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(told) - datetime.now(UTC)).total_seconds())
    except (ValueError, TypeError):
        return None


def reason(error: Exception) -> str:
    """Why a request failed, in one line; servers put parts of the key in their words on some errors, so only types."""
    if isinstance(error, openai.APITimeoutError):
        return "no answer in time"
    if isinstance(error, openai.APIConnectionError):
        return "the connection failed"
    if isinstance(error, openai.APIStatusError):
        return f"the server answers with status {error.status_code}"
    return " ".join(str(error).split())[:200]

"""Asking many questions at once, within limits of rate and money."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import openai
import tenacity
from aiolimiter import AsyncLimiter
from openai.types.chat import ChatCompletion

from ..errors import UserError
from .answers import Answer, AnswerStore
from .budget import Budget, BudgetReachedError
from .conversation import Outcome, Request, next_step
from .prices import Cost, Price, price_of
from .question import MAX_TOKENS
from .settings import KEY, ChatSettings, require_key

_BURSTS = 10  # tokens may run ahead by a tenth of a minute's
LONGEST_WAIT = 60.0  # seconds between two attempts
# Statuses of which a later attempt may be free: the request was not worked on.
_NOT_CHARGED = (openai.RateLimitError, openai.InternalServerError)
_MAY_PASS = (*_NOT_CHARGED, openai.APIConnectionError, openai.ConflictError)
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


@dataclass
class Asked:
    """What came of a run.

    Attributes:
        outcomes: by question; those that were not asked are missing.
        cost: of the answers that arrived in this run.
        stopped: why the run ended before all were asked, if it did.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    cost: Cost = field(default_factory=Cost)
    stopped: str = ""


def ask_all(
    questions: Sequence[str], settings: ChatSettings, progress: Callable[[], object] | None = None,
    result: Asked | None = None,
) -> Asked:  # fmt: skip
    """Ask each question that is not answered yet; every answer is kept as soon as it is there.

    Args:
        questions: what to ask; the same question is asked once.
        settings: of whom, and how fast.
        progress: called once for each question that is done.
        result: where to gather what comes, for a caller that wants it also when the run ends by an error.

    Raises:
        UserError: without a key, if the server refuses it or does not know the model, or the quota is used up.
    """
    require_key()
    price = price_of(settings.model, settings.price)
    if settings.budget is not None and price is None:
        raise UserError(f"the price of {settings.model} is not known: a budget needs --price IN,OUT")
    asking = _Asking(settings, price, progress or (lambda: None), result or Asked())
    return asyncio.run(asking.run(list(dict.fromkeys(questions))))


class _Asking:
    """One run: its limits, its client, and what it has got so far."""

    def __init__(self, settings: ChatSettings, price: Price | None, progress: Callable[[], object], result: Asked):
        self.settings, self.price, self.progress, self.result = settings, price, progress, result
        self.store = AnswerStore(settings.cache)
        self.client = openai.AsyncOpenAI(base_url=settings.base_url, timeout=settings.timeout, max_retries=0)
        self.budget = Budget(settings.budget)
        self.room = asyncio.Semaphore(settings.concurrency)
        self.requests = _limiter(settings.requests_per_minute, 1.0)
        self.tokens = _limiter(settings.tokens_per_minute, (settings.tokens_per_minute or 0.0) / _BURSTS)

    async def run(self, questions: list[str]) -> Asked:
        try:
            async with self.client, asyncio.TaskGroup() as tasks:
                for question in questions:
                    tasks.create_task(self._settle(question))
        except* UserError as group:
            raise group.exceptions[0] from None
        return self.result

    async def _settle(self, question: str) -> None:
        """Lead a question's conversation to its end."""
        while isinstance(step := next_step(question, self.settings.model, self.store), Request):
            async with self.room:
                try:
                    await self._ask(step)
                except BudgetReachedError:
                    self.result.stopped = f"the budget of ${self.settings.budget:g} is reached"
                    return
                except (openai.OpenAIError, NoAnswerError) as error:
                    step = Outcome(None, _reason(error))
                    break
        self.result.outcomes[question] = step
        self.progress()

    async def _ask(self, request: Request) -> None:
        """One request, with attempts; its answer is kept."""
        attempts = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self.settings.attempts),
            retry=tenacity.retry_if_exception(_may_pass),
            wait=self._wait,
            reraise=True,
        )
        await attempts(self._attempt, request)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        told = retry_after(error) if isinstance(error, openai.APIStatusError) else None
        doubling = tenacity.wait_exponential_jitter(self.settings.backoff, LONGEST_WAIT, jitter=self.settings.backoff)
        return min(LONGEST_WAIT, told) if told is not None else float(doubling(state))

    async def _attempt(self, request: Request) -> None:
        most = self.price.most(request.messages) if self.price else 0.0
        await self.budget.reserve(most)
        cost = 0.0
        try:
            async with AsyncExitStack() as limits:
                if self.requests:
                    await limits.enter_async_context(self.requests)
                if self.tokens:
                    length = sum(len(message["content"]) for message in request.messages) // 4 + MAX_TOKENS
                    await self.tokens.acquire(min(length, self.tokens.max_rate))
                cost = most  # from here on it may be charged, even if nothing comes back
                answer = await self._send(request)
            self.store.put(request.name, answer)
            cost = self._charge(answer, most)
        except NoAnswerError as error:
            if error.charged is not None:
                cost = self._charge(error.charged, most)
            raise
        except openai.OpenAIError as error:
            if isinstance(error, _NOT_CHARGED):
                cost = 0.0
            raise_if_hopeless(error, self.settings.model, str(self.client.base_url))
            raise
        finally:
            await self.budget.settle(most, cost)

    def _charge(self, answer: Answer, most: float) -> float:
        """Count an answer; returns what it cost, or the most if the server does not say."""
        self.result.cost = self.result.cost.plus(answer, self.price)
        return self.price.of(answer.tokens_in, answer.tokens_out) if self.price and answer.tokens_in else most

    async def _send(self, request: Request) -> Answer:
        messages: Any = request.messages
        try:
            done = await self.client.chat.completions.create(
                model=self.settings.model, messages=messages, temperature=0.0, max_tokens=MAX_TOKENS
            )
        except ValueError as error:  # json's
            raise NoAnswerError("the answer is no JSON") from error
        return answer_of(done)


def answer_of(done: object) -> Answer:
    """The answer in what the server sent.

    Raises:
        NoAnswerError: if there is none in it.
    """
    if not isinstance(done, ChatCompletion) or not done.choices:
        raise NoAnswerError("what came back is no chat completion")
    message = done.choices[0].message
    text = message.content or message.refusal or ""
    usage = done.usage
    tokens = (usage.prompt_tokens, usage.completion_tokens) if usage else (0, 0)
    if not text.strip():
        raise NoAnswerError("the answer is empty", Answer("", *tokens))
    return Answer(text, *tokens, refused=not message.content)


def raise_if_hopeless(error: openai.OpenAIError, model: str, url: str) -> None:
    """Raises UserError if every other request would fail for the same reason."""
    if isinstance(error, openai.RateLimitError) and error.code == "insufficient_quota":
        raise UserError(f"the quota at {url} is used up: see to the account, then run it again") from error
    if not isinstance(error, _HOPELESS):
        return
    if isinstance(error, openai.NotFoundError):
        raise UserError(f"{url} does not know {model!r}: name another model, or another server") from error
    raise UserError(f"{url} refuses {KEY}: it is wrong, expired, or may not use {model!r}") from error


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


def _limiter(per_minute: float | None, burst: float) -> AsyncLimiter | None:
    """A limit that lets `burst` through at once, and then goes on evenly."""
    return AsyncLimiter(burst, 60.0 * burst / per_minute) if per_minute else None


def _may_pass(error: BaseException) -> bool:
    return isinstance(error, (*_MAY_PASS, NoAnswerError))


def _reason(error: Exception) -> str:
    """Why a request failed, in one line; servers put parts of the key in their words on some errors, so only types."""
    if isinstance(error, openai.APITimeoutError):
        return "no answer in time"
    if isinstance(error, openai.APIConnectionError):
        return "the connection failed"
    if isinstance(error, openai.APIStatusError):
        return f"the server answers with status {error.status_code}"
    return " ".join(str(error).split())[:200]

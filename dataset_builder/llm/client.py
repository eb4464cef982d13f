"""Requests to a chat endpoint: within limits of rate and money, with attempts, and with every cent written down."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

import openai
import tenacity
from aiolimiter import AsyncLimiter
from openai.types.chat import ChatCompletion

from ..dataset.costs import Cost, Ledger
from ..errors import UserError
from .answer_cache import Answer, unusable
from .budget import Budget
from .failures import NOT_CHARGED, NoAnswerError, may_pass, raise_if_hopeless, retry_after
from .prices import paid, price_of
from .settings import ChatSettings, connect

_BURSTS = 10  # tokens may run ahead by a tenth of a minute's
_ABSURD = 10  # times as many tokens as a request can have: nobody counts so
LONGEST_WAIT = 60.0  # seconds between two attempts
_Job = TypeVar("_Job")


@dataclass
class Spending:
    """What a run has paid so far, for a caller that wants it also when the run ends by an error."""

    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True)
class ChatRequest:
    """One request.

    Attributes:
        messages: as the API wants them.
        tokens: of them, about, for limits of the rate.
        most_in: tokens that they can be at most, for the budget.
        max_tokens: of the answer.
    """

    messages: list[Any]
    tokens: int
    most_in: int
    max_tokens: int


class ChatClient:
    """One run's client, limits and costs.

    Args:
        settings: whom to ask, and how fast.
        paid: where to add up what is paid.
        ledger: where each payment is written down; None for nowhere.
        spent: dollars of the budget that are promised already.

    Raises:
        UserError: for a budget without a price.
    """

    def __init__(self, settings: ChatSettings, paid: Spending, ledger: Ledger | None = None, spent: float = 0.0):
        self.settings, self.paid, self.ledger = settings, paid, ledger
        self.price = price_of(settings.model, settings.price)
        if settings.budget is not None and self.price is None:
            raise UserError(
                f"the price of {settings.model} is not known: a budget needs {settings.options}price IN,OUT"
            )
        self.client = connect(openai.AsyncOpenAI, settings)
        self.budget = Budget(settings.budget, spent)
        self.requests = _limiter(settings.requests_per_minute, 1.0)
        self.tokens = _limiter(settings.tokens_per_minute, (settings.tokens_per_minute or 0.0) / _BURSTS)

    @asynccontextmanager
    async def open(self) -> AsyncIterator["ChatClient"]:
        """The client, whose connections are closed at the end."""
        async with self.client:
            yield self

    async def ask(self, request: ChatRequest, keep: Callable[[Answer], None]) -> None:
        """Ask, with attempts; an answer is kept as soon as it is paid for.

        Raises:
            UserError: if every other request would fail, too.
            BudgetReachedError: if it could pass the budget.
            openai.OpenAIError, NoAnswerError: if nothing came of it.
        """
        attempts = tenacity.AsyncRetrying(
            stop=tenacity.stop_after_attempt(self.settings.attempts),
            retry=tenacity.retry_if_exception(may_pass),
            wait=self._wait,
            reraise=True,
        )
        await attempts(self._attempt, request, keep)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        told = retry_after(error) if isinstance(error, openai.APIStatusError) else None
        doubling = tenacity.wait_exponential_jitter(self.settings.backoff, LONGEST_WAIT, jitter=self.settings.backoff)
        return min(LONGEST_WAIT, told) if told is not None else float(doubling(state))

    async def _attempt(self, request: ChatRequest, keep: Callable[[Answer], None]) -> None:
        most = self.price.of(request.most_in, request.max_tokens) if self.price else 0.0
        await self.budget.reserve(most)
        cost = 0.0
        try:
            async with AsyncExitStack() as limits:
                if self.requests:
                    await limits.enter_async_context(self.requests)
                if self.tokens:
                    await self.tokens.acquire(min(request.tokens + request.max_tokens, self.tokens.max_rate))
                cost = most  # from here on it may be charged, even if nothing comes back
                answer = await self._send(request)
            cost = self._charge(answer, most)
            keep(answer)
        except NoAnswerError as error:
            if error.charged is not None:
                cost = self._charge(error.charged, most)
            raise
        except openai.OpenAIError as error:
            if isinstance(error, NOT_CHARGED):
                cost = 0.0
            raise_if_hopeless(error, self.settings, str(self.client.base_url))
            raise
        finally:
            await self.budget.settle(most, cost)

    def _charge(self, answer: Answer, most: float) -> float:
        """Count an answer; returns what it cost, or the most if the server does not say.

        It is written down before the answer is kept: a run that is killed in between asks, and pays, again.
        """
        one = paid(answer.tokens_in, answer.tokens_out, self.price)
        self.paid.cost = self.paid.cost.plus(one)
        if self.ledger:
            self.ledger.add(one)
        return one.dollars if one.dollars is not None else most

    async def _send(self, request: ChatRequest) -> Answer:
        try:
            done = await self.client.chat.completions.create(
                model=self.settings.model, messages=request.messages, temperature=0.0, max_tokens=request.max_tokens
            )
        except (ValueError, RecursionError) as error:  # json's
            raise NoAnswerError("the answer is no JSON") from error
        except (TypeError, AttributeError) as error:  # the library's, which checks no types
            raise NoAnswerError("what came back is no chat completion") from error
        return answer_of(done, request.most_in, request.max_tokens)


async def each(jobs: Iterable[_Job], count: int, work: Callable[[_Job], Any]) -> None:
    """Work on jobs, `count` at once, taking each from the iterable only when there is somebody for it.

    Raises:
        UserError: the first that any of them raises; the others are given up.
    """
    waiting = iter(jobs)

    async def worker() -> None:
        for job in waiting:
            await work(job)

    try:
        async with asyncio.TaskGroup() as tasks:
            for _ in range(count):
                tasks.create_task(worker())
    except* UserError as group:
        raise group.exceptions[0] from None


def answer_of(done: object, most_in: int, max_tokens: int) -> Answer:
    """The answer in what the server sent, of which nothing is sure to have the type that the API says.

    Args:
        done: what came.
        most_in: tokens that the request can have at most.
        max_tokens: that the answer may have.

    Raises:
        NoAnswerError: if there is none in it.
    """
    if not isinstance(done, ChatCompletion):
        raise NoAnswerError("what came back is no chat completion")
    tokens = _tokens(done.usage, most_in, max_tokens)
    choices: Any = done.choices
    message = getattr(choices[0], "message", None) if isinstance(choices, list) and choices else None
    if message is None:
        raise NoAnswerError("what came back is no chat completion", Answer("", *tokens))
    content = getattr(message, "content", None)
    text = content or getattr(message, "refusal", None) or ""
    if not isinstance(text, str):
        raise NoAnswerError("the answer is no text", Answer("", *tokens))
    if not text.strip():
        raise NoAnswerError("the answer is empty", Answer("", *tokens))
    if (reason := unusable(text)) is not None:
        raise NoAnswerError(reason, Answer("", *tokens))
    return Answer(text, *tokens, refused=not content)


def _tokens(usage: object, most_in: int, max_tokens: int) -> tuple[int, int]:
    """What the server counted, in and out: zeros from one that does not count, the most if it makes no sense.

    So a count of less than nothing, or of more than any server would ask for, makes no call cheaper than it can be.
    """
    counts = [getattr(usage, name, None) for name in ("prompt_tokens", "completion_tokens")]
    if counts == [None, None]:
        return 0, 0
    for count, most in zip(counts, (most_in, max_tokens), strict=True):
        if type(count) is not int or not 0 <= count <= _ABSURD * most:
            return most_in, max_tokens
    return counts[0] or 0, counts[1] or 0


def _limiter(per_minute: float | None, burst: float) -> AsyncLimiter | None:
    """A limit that lets `burst` through at once, and then goes on evenly."""
    return AsyncLimiter(burst, 60.0 * burst / per_minute) if per_minute else None

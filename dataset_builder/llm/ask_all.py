"""Asking many questions at once, each until its conversation has come to an end."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import openai

from ..dataset.costs import Ledger
from .answer_cache import Answer, AnswerStore
from .budget import BudgetReachedError
from .client import ChatClient, ChatRequest, Spending, each
from .description_prompt import MAX_TOKENS, Message
from .dialogue import Outcome, Request, next_step
from .failures import NoAnswerError, reason
from .prices import most_in
from .settings import ChatSettings


@dataclass
class ChatRun(Spending):
    """What came of a run.

    Attributes:
        outcomes: by question; those that were not asked are missing.
        cost: of the answers that arrived in this run.
        stopped: why the run ended before all were asked, if it did.
    """

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    stopped: str = ""


def ask_all(
    questions: Iterable[str], settings: ChatSettings, progress: Callable[[], object] | None = None,
    result: ChatRun | None = None, ledger: Ledger | None = None, spent: float = 0.0,
) -> ChatRun:  # fmt: skip
    """Ask each question that is not answered yet; every answer is kept as soon as it is there.

    Args:
        questions: what to ask; the same question is asked once.
        settings: of whom, and how fast.
        progress: called once for each question that is done.
        result: where to gather what comes, for a caller that wants it also when the run ends by an error.
        ledger: where payments are written down.
        spent: dollars of the budget that are promised already.

    Raises:
        UserError: without a key, if the server refuses it or does not know the model, or the quota is used up.
    """
    result = result or ChatRun()
    asking = _Asking(ChatClient(settings, result, ledger, spent), result, progress or (lambda: None))
    asyncio.run(asking.run(dict.fromkeys(questions)))
    return result


class _Asking:
    """One run, and what it has got so far."""

    def __init__(self, client: ChatClient, result: ChatRun, progress: Callable[[], object]):
        self.client, self.settings, self.result, self.progress = client, client.settings, result, progress
        self.store = AnswerStore(self.settings.cache)

    async def run(self, questions: Iterable[str]) -> None:
        self.store.require_keeping()
        async with self.client.open():
            await each(questions, self.settings.concurrency, self._settle)

    async def _settle(self, question: str) -> None:
        """Lead a question's conversation to its end."""
        while isinstance(step := next_step(question, self.settings.model, self.store), Request):
            try:
                await self.client.ask(request_of(step.messages), partial(self._keep, step.name))
            except BudgetReachedError:
                self.result.stopped = f"the budget of ${self.settings.budget:g} is reached"
                return
            except (openai.OpenAIError, NoAnswerError) as error:
                step = Outcome(None, reason(error))
                break
        self.result.outcomes[question] = step
        self.progress()

    def _keep(self, name: str, answer: Answer) -> None:
        self.store.put(name, answer)


def request_of(messages: list[Message]) -> ChatRequest:
    """The request of these messages."""
    tokens = sum(len(message["content"]) for message in messages) // 4
    return ChatRequest(messages, tokens, most_in(messages), MAX_TOKENS)

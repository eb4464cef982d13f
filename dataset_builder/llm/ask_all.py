"""Asking many questions at once, each until its conversation has come to an end."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial

import openai

from ..dataset.costs import Ledger
from .answer_cache import Answer, AnswerStore
from .budget import BudgetReachedError
from .client import Ask, Desk, Paid, each
from .description_prompt import MAX_TOKENS, Message
from .dialogue import Outcome, Request, next_step
from .failures import NoAnswerError, reason
from .prices import most_in
from .settings import ChatSettings


@dataclass
class Asked(Paid):
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
    result: Asked | None = None, ledger: Ledger | None = None, spent: float = 0.0,
) -> Asked:  # fmt: skip
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
    result = result or Asked()
    asking = _Asking(Desk(settings, result, ledger, spent), result, progress or (lambda: None))
    asyncio.run(asking.run(dict.fromkeys(questions)))
    return result


class _Asking:
    """One run, and what it has got so far."""

    def __init__(self, desk: Desk, result: Asked, progress: Callable[[], object]):
        self.desk, self.settings, self.result, self.progress = desk, desk.settings, result, progress
        self.store = AnswerStore(self.settings.cache)

    async def run(self, questions: Iterable[str]) -> None:
        async with self.desk.open():
            await each(questions, self.settings.concurrency, self._settle)

    async def _settle(self, question: str) -> None:
        """Lead a question's conversation to its end."""
        while isinstance(step := next_step(question, self.settings.model, self.store), Request):
            try:
                await self.desk.ask(request_of(step.messages), partial(self._keep, step.name))
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


def request_of(messages: list[Message]) -> Ask:
    """The request of these messages."""
    tokens = sum(len(message["content"]) for message in messages) // 4
    return Ask(messages, tokens, most_in(messages), MAX_TOKENS)

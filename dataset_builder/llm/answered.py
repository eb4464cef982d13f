"""Which questions are answered already, which are still to be asked, and what those will cost."""

from collections.abc import Sequence

from .answer_cache import AnswerStore, request_id
from .description_prompt import Message, first_request
from .dialogue import Outcome, Request, next_step
from .prices import Estimate, estimate, price_of
from .settings import ChatSettings


def pending(questions: Sequence[str], settings: ChatSettings) -> dict[str, list[Message]]:
    """The requests that come next, by name; questions that have a description have none."""
    store, found = AnswerStore(settings.cache), {}
    for question in questions:
        step = next_step(question, settings.model, store)
        if isinstance(step, Outcome) and step.description is None:  # it begins anew
            messages = first_request(question)
            step = Request(request_id(settings.model, messages), messages)
        if isinstance(step, Request):
            found[step.name] = step.messages
    return found


def forget_failures(questions: Sequence[str], settings: ChatSettings) -> None:
    """Let questions be asked again of which nothing came: refusals, and answers without a sentence."""
    store = AnswerStore(settings.cache)
    for outcome in settled(questions, settings).values():
        for name in outcome.requests if outcome.description is None else ():
            store.forget(name)


def estimate_for(questions: Sequence[str], settings: ChatSettings) -> Estimate:
    """What it would take to settle the questions."""
    return estimate(pending(questions, settings).values(), price_of(settings.model, settings.price))


def settled(questions: Sequence[str], settings: ChatSettings) -> dict[str, Outcome]:
    """What has come of the questions by the answers that are there; others are missing."""
    store = AnswerStore(settings.cache)
    steps = {question: next_step(question, settings.model, store) for question in questions}
    return {question: step for question, step in steps.items() if isinstance(step, Outcome)}

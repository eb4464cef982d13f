"""Where the conversations about questions stand, by the answers that are there: what to ask next, or what came."""

from collections.abc import Sequence
from dataclasses import dataclass

from .answer_cache import Answer, AnswerStore, request_id
from .description_prompt import Message, description_of, first_request, is_refusal, second_request
from .prices import Estimate, estimate, price_of
from .settings import ChatSettings


@dataclass(frozen=True)
class Request:
    """What has to be asked next."""

    name: str
    messages: list[Message]


@dataclass(frozen=True)
class Outcome:
    """What came of a question.

    Attributes:
        description: one sentence without instruments; None if there is none.
        reason: why there is none.
        requests: names of the requests that were answered in vain, which another run may ask again.
    """

    description: str | None
    reason: str = ""
    requests: tuple[str, ...] = ()


def next_step(question: str, model: str, store: AnswerStore) -> Request | Outcome:
    """Ask; if the answer names an instrument or runs on, ask again; then clean what is left."""
    messages = first_request(question)
    first = store.get(name := request_id(model, messages))
    if first is None:
        return Request(name, messages)
    if first.refused or is_refusal(first.text):
        return Outcome(None, f"the model refuses: {' '.join(first.text.split())[:120]}", (name,))
    again = second_request(question, first.text)
    if again is None:
        return _outcome(first, (name,))
    second = store.get(other := request_id(model, again))
    if second is None:
        return Request(other, again)
    refused = second.refused or is_refusal(second.text)
    return _outcome(first if refused else second, (name, other))


def _outcome(answer: Answer, requests: tuple[str, ...]) -> Outcome:
    description = description_of(answer.text)
    if description is None:
        return Outcome(None, f"no sentence in the answer: {' '.join(answer.text.split())[:120]}", requests)
    return Outcome(description)


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

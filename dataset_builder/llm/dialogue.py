"""Where the conversation about a question stands, by the answers that are there: what to ask next, or what came."""

from dataclasses import dataclass

from .answer_cache import Answer, AnswerStore, request_id
from .description_prompt import Message, description_of, first_request, is_refusal, second_request


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

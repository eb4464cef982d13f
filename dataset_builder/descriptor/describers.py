"""One sentence about a piece that names no instrument: the Music Descriptor's second step.

The paper asks GPT-4o with the prompt of `llm/description_prompt.py`; the embedded default fills a template as that
prompt asks for. Whatever the back end, `instruments.instrument_words_in` finds nothing in what it returns.
"""

from collections.abc import Callable
from typing import Protocol

from ..errors import UserError
from ..items.facts import Facts
from ..llm.description_prompt import format_input
from ..llm.settings import ChatSettings
from .template import TemplateDescriber


class Describer(Protocol):
    """Writes a description. Deterministic or cached: the same facts give the same sentence."""

    name: str

    def describe(self, facts: Facts) -> str:
        """One sentence without instruments.

        Raises:
            UserError: if what the describer needs is missing or refuses.
        """
        ...


class ChatDescriber:
    """Asks a chat model with the paper's prompt; an answer that names an instrument is asked for again, then cleaned.

    Raises:
        UserError: without a key.
    """

    name = "chat"

    def __init__(self, settings: ChatSettings | None = None):
        self.settings = settings or ChatSettings()
        self.settings.key()

    def describe(self, facts: Facts) -> str:
        """One sentence without instruments, from the cache if it was asked for before.

        Raises:
            UserError: if the server refuses, cannot be reached, or answers with nothing of use.
        """
        from ..llm.ask_all import ask_all  # openai takes a second to import
        from ..llm.dialogue import forget_failures

        question = format_input(facts)
        forget_failures([question], self.settings)
        asked = ask_all([question], self.settings)
        outcome = asked.outcomes.get(question)
        if outcome is None or outcome.description is None:
            reason = outcome.reason if outcome else asked.stopped
            raise UserError(f"no description of {facts.item_id} by {self.settings.model}: {reason}; run it again")
        return outcome.description


# Name in the configuration -> class, called without arguments.
DESCRIBERS: dict[str, Callable[[], Describer]] = {"template": TemplateDescriber, "chat": ChatDescriber}
DESCRIBED_AFTER_ITEMS = frozenset({"chat"})  # a data set's items are described together, after they are all there

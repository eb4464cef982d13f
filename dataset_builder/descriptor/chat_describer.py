"""A language model as a describer of single items."""

from ..errors import UserError
from ..items.facts import Facts
from ..llm.description_prompt import format_input
from ..llm.settings import ChatSettings


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
        from ..llm.answered import forget_failures
        from ..llm.ask_all import ask_all  # openai takes a second to import

        question = format_input(facts)
        forget_failures([question], self.settings)
        asked = ask_all([question], self.settings)
        outcome = asked.outcomes.get(question)
        if outcome is None or outcome.description is None:
            reason = outcome.reason if outcome else asked.stopped
            raise UserError(f"no description of {facts.item_id} by {self.settings.model}: {reason}; run it again")
        return outcome.description

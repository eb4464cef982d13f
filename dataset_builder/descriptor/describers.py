"""One sentence about a piece that names no instrument: the Music Descriptor's second step.

The paper asks GPT-4o with the prompt of `llm/description_prompt.py`; the embedded default fills a template as that
prompt asks for. Whatever the back end, `instruments.instrument_words_in` finds nothing in what it returns.
"""

from collections.abc import Callable
from typing import Protocol

from ..items.facts import Facts
from .chat_describer import ChatDescriber
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


# Name in the configuration -> class, called without arguments.
DESCRIBERS: dict[str, Callable[[], Describer]] = {"template": TemplateDescriber, "chat": ChatDescriber}
DESCRIBED_AFTER_ITEMS = frozenset({"chat"})  # a data set's items are described together, after they are all there

"""Descriptions by a language model behind an OpenAI-compatible chat endpoint, with the paper's prompt.

`OPENAI_API_KEY` pays and `OPENAI_BASE_URL` names any compatible server. Every answer is kept on disk by model, prompt
and input, so that nothing is asked or paid for twice, whatever data set it is for.
"""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from . import atomic
from .errors import UserError
from .vocabulary import instrument_words_in

# The paper's, section 3.1, to the letter.
PROMPT = (
    "Create a short simple overall musical description with just a sentence using the following information. "
    "Do not include any instrument name. General description: {caption}, Tempo:{tempo}, Key:{key}"
)
_ASK_AGAIN = "Your answer names {words}. Write the sentence again without any instrument name."
_TOKENS = 120  # of an answer; a sentence has about 30


@dataclass(frozen=True)
class Facts:
    """What is known of an item.

    Attributes:
        item_id: seeds the wording of a template.
        caption: what a captioner says.
        tags: the captioner's probabilities.
        bpm: quarters a minute.
        key: as music21 names it.
    """

    item_id: str
    caption: str | None
    tags: Mapping[str, float] | None
    bpm: float | None
    key: str | None


def spoken_key(key: str) -> str:
    """music21's `E- major` and `F# minor` as people write them: `E-flat major`, `F-sharp minor`."""
    tonic, _, mode = key.partition(" ")
    return f"{tonic[0]}{'-flat' if '-' in tonic else '-sharp' if '#' in tonic else ''} {mode}"


def format_input(facts: Facts) -> str:
    """The paper's prompt for an item."""
    return PROMPT.format(
        caption=(facts.caption or "unknown").strip().rstrip("."),
        tempo="unknown" if facts.bpm is None else f"{round(facts.bpm)} BPM",
        key=spoken_key(facts.key) if facts.key else "unknown",
    )


def without_instruments(text: str) -> str:
    """The text without the words for instruments that it holds, and without the gaps they leave."""
    for word in sorted(instrument_words_in(text), key=len, reverse=True):
        text = re.sub(
            rf"(?i)(?:\b(?:featuring|with|by|on|for|of|and|or)\s+)?(?:\b(?:an?|the)\s+)?(?<![\w-]){re.escape(word)}(?![\w-])",
            "", text,
        )  # fmt: skip
    text = re.sub(r"\s+([,.;:!?])", r"\1", re.sub(r"\s+", " ", text))
    text = re.sub(r"[,;:]+(?=[,.;:!?])", "", text).strip(" ,;:")
    return text[:1].upper() + text[1:]


class ChatDescriber:
    """Asks a chat model; an answer that names an instrument is asked for once more, then cleaned.

    Args:
        model: as the server names it.
        cache: folder of answers; default: the user's cache folder.
    """

    name = "gpt-4o"

    def __init__(self, model: str = "gpt-4o", cache: Path | None = None):
        if not os.environ.get("OPENAI_API_KEY"):
            raise UserError("descriptions by gpt-4o need OPENAI_API_KEY: set it, or use --descriptions template")
        from openai import OpenAI  # takes a second to import

        self.model = model
        self.cache = cache or platformdirs.user_cache_path("music-orchestrator") / "descriptions"
        self.client = OpenAI(max_retries=5, timeout=60.0)

    def describe(self, facts: Facts) -> str:
        """One sentence without instruments, from the cache if it was asked for before.

        Raises:
            UserError: if the server refuses, cannot be reached, or answers with nothing.
        """
        question = format_input(facts)
        name = hashlib.sha256(json.dumps([self.model, PROMPT, question]).encode()).hexdigest()
        path = self.cache / f"{name}.json"
        if path.is_file():
            return str(json.loads(path.read_text())["description"])
        messages: list[Any] = [{"role": "user", "content": question}]
        answer = self._ask(messages)
        if words := instrument_words_in(answer):
            again = _ASK_AGAIN.format(words=", ".join(dict.fromkeys(words)))
            answer = self._ask(
                [*messages, {"role": "assistant", "content": answer}, {"role": "user", "content": again}]
            )
        description = without_instruments(answer)
        if not description:
            raise UserError(f"{self.model} gave no description of {facts.item_id}: {answer!r}")
        atomic.write_json(path, {"model": self.model, "input": question, "answer": answer, "description": description})
        return description

    def _ask(self, messages: list[Any]) -> str:
        import openai

        try:
            done: Any = self.client.chat.completions.create(
                model=self.model, messages=messages, temperature=0.0, max_tokens=_TOKENS
            )
        except openai.AuthenticationError as error:
            raise UserError(f"{self.client.base_url} refuses OPENAI_API_KEY: check the key") from error
        except openai.OpenAIError as error:
            raise UserError(f"{self.model} at {self.client.base_url} failed ({error}): run the build again") from error
        text = done.choices[0].message.content if done.choices else None
        if not text or not text.strip():
            raise UserError(f"{self.model} at {self.client.base_url} answered with nothing: run the build again")
        return " ".join(text.split())

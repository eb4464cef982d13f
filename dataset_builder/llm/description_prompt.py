"""What is asked of a language model about an item, with the paper's prompt, and what is made of its answers."""

import re

from ..items.facts import Facts
from ..music.instruments import instrument_words_in
from ..music.key import spoken_key

# The paper's, section 3.1, to the letter.
PROMPT = (
    "Create a short simple overall musical description with just a sentence using the following information. "
    "Do not include any instrument name. General description: {caption}, Tempo:{tempo}, Key:{key}"
)
MAX_TOKENS = 120  # of an answer; a sentence has about 30
LONGEST = 60  # words of a description
_NAMES = "Your answer names {words}. Write the sentence again without any instrument name."
_LONG = "Your answer has {count} words. Write it again as one short sentence without any instrument name."
_REFUSALS = re.compile(r"(?i)^(i['’]?m (very )?sorry|sorry,|i (can(no|['’])t|am (unable|not able))|as an ai\b)")

Message = dict[str, str]


def format_input(facts: Facts) -> str:
    """The paper's prompt for an item."""
    return PROMPT.format(
        caption=(facts.caption or "unknown").strip().rstrip("."),
        tempo="unknown" if facts.bpm is None else f"{round(facts.bpm)} BPM",
        key=spoken_key(facts.key) if facts.key else "unknown",
    )


def first_request(question: str) -> list[Message]:
    """The messages of the first request."""
    return [{"role": "user", "content": question}]


def second_request(question: str, answer: str) -> list[Message] | None:
    """The messages by which a better answer is asked for; None if the first one will do."""
    words, count = instrument_words_in(answer), len(answer.split())
    if not words and count <= LONGEST:
        return None
    again = _NAMES.format(words=", ".join(dict.fromkeys(words))) if count <= LONGEST else _LONG.format(count=count)
    shown = " ".join(answer.split()[: 2 * LONGEST])  # a runaway answer is not paid for twice
    return [*first_request(question), {"role": "assistant", "content": shown}, {"role": "user", "content": again}]


def is_refusal(answer: str) -> bool:
    """Whether a model says that it will not answer."""
    return bool(_REFUSALS.match(answer.strip()))


def description_of(answer: str) -> str | None:
    """The sentence that an answer comes to, cleaned of instruments; None if nothing is left, or no sentence ends."""
    text = without_instruments(" ".join(answer.split()).strip("\"'“” "))
    while len(text.split()) > LONGEST and (shorter := re.match(r"(.+[.!?])\s+\S", text)):
        text = shorter[1]
    return text if text and len(text.split()) <= LONGEST else None


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

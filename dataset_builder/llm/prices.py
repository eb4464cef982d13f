"""What requests cost: prices by model, and what a request can cost at most."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from ..dataset.costs import Cost
from ..errors import UserError
from .description_prompt import MAX_TOKENS, Message

AS_OF = "2026-11"  # https://openai.com/api/pricing; --price overrules it
_OVERHEAD = 16  # tokens that a chat request adds to its text
_REMINDER = 150  # tokens by which an answer is asked for again, names of instruments included
_BYTES_PER_TOKEN = 4.0  # of English text on average; no token is shorter than a byte


@dataclass(frozen=True)
class Price:
    """Dollars for a million tokens; the Batch API takes half."""

    tokens_in: float
    tokens_out: float
    batch_share: float = 0.5

    def of(self, tokens_in: int, tokens_out: int) -> float:
        """Dollars for so many tokens."""
        return (tokens_in * self.tokens_in + tokens_out * self.tokens_out) / 1e6

    def most(self, messages: list[Message]) -> float:
        """Dollars that a request can cost at most: as many tokens as bytes, and the longest answer allowed."""
        return self.of(most_in(messages), MAX_TOKENS)


def paid(tokens_in: int, tokens_out: int, price: Price | None, share: float = 1.0) -> Cost:
    """What one answer cost, by the tokens that the server counted; `share` of the price is paid for it.

    Dollars are None if nobody knows the price, or the server does not say what it counted.
    """
    dollars = share * price.of(tokens_in, tokens_out) if price is not None and tokens_in else None
    return Cost(1, tokens_in, tokens_out, dollars)


PRICES: dict[str, Price] = {
    "gpt-4o": Price(2.5, 10.0),
    "gpt-4o-mini": Price(0.15, 0.6),
    "gpt-4.1": Price(2.0, 8.0),
    "gpt-4.1-mini": Price(0.4, 1.6),
}


def price_of(model: str, given: str | None = None) -> Price | None:
    """The price of a model, or the one given as `IN,OUT`; None if nobody says.

    Raises:
        UserError: if what is given is no price.
    """
    if given is None:
        return PRICES.get(model)
    try:
        tokens_in, tokens_out = (float(part) for part in given.split(","))
    except ValueError as error:
        raise UserError(
            f"--price {given!r}: expected dollars for a million tokens in and out, such as 2.5,10"
        ) from error
    if min(tokens_in, tokens_out) < 0:
        raise UserError(f"--price {given!r}: expected no negative price")
    return Price(tokens_in, tokens_out)


@dataclass(frozen=True)
class Estimate:
    """What asking will take, before anything is sent.

    Attributes:
        calls: first requests.
        tokens_in: of these, about.
        tokens_out: of their answers, about.
        price: by which they are paid for; None if it is not known.
        most: dollars if every answer is as long as may be, and is asked for again where that is done.
        again: whether that is done: a description that names an instrument is, a caption may name it.
    """

    calls: int
    tokens_in: int
    tokens_out: int
    price: Price | None
    most: float
    again: bool = True

    @property
    def dollars(self) -> float | None:
        """About what the first requests cost; None if the price is not known."""
        return self.price.of(self.tokens_in, self.tokens_out) if self.price else None

    def text(self, options: str = "--") -> str:
        """For a terminal; `options` is what the names of its options begin with."""
        tokens = f"{self.calls} calls, about {self.tokens_in:,} tokens in and {self.tokens_out:,} out"
        if self.price is None or self.dollars is None:
            return f"{tokens}; the price is not known ({options}price IN,OUT)"
        known = f" (prices of {AS_OF})" if self.price in PRICES.values() else ""
        batch = f", ${self.dollars * self.price.batch_share:.2f} by the batch" if self.again else ""
        longest = f"at most ${self.most:.2f} if every answer is as long as may be"
        again = " and asked for once more" if self.again else ""
        return f"{tokens}: about ${self.dollars:.2f}{batch}{known}, {longest}{again}"


def estimate(requests: Iterable[list[Message]], price: Price | None) -> Estimate:
    """An estimate by four bytes a token and 30 tokens an answer."""
    calls = tokens_in = 0
    most = 0.0
    for messages in requests:
        calls += 1
        most += _most_of_both(messages, price) if price else 0.0
        tokens_in += round(_bytes(messages) / _BYTES_PER_TOKEN) + _OVERHEAD // 2
    tokens_out = 30 * calls
    return Estimate(calls, tokens_in, tokens_out, price, most)


def _most_of_both(messages: list[Message], price: Price) -> float:
    """Dollars for a question that is asked twice: the second request holds the first, its answer and a reminder."""
    return 2 * price.most(messages) + price.of(MAX_TOKENS + _REMINDER, 0)


def most_in(messages: list[Message]) -> int:
    """Tokens that a request can have at most: as many as bytes, and what the chat adds."""
    return _bytes(messages) + _OVERHEAD * len(messages)


def _bytes(messages: list[Message]) -> int:
    return sum(len(json.dumps(message["content"], ensure_ascii=False).encode()) for message in messages)

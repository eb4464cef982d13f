"""Descriptions through the Batch API: submitted today, collected tomorrow, by whatever process.

Every batch is known by a name made of its requests, which is written into its metadata and, before anything is sent,
into a file (see `batch_files.py`): a process that was killed between sending and noting finds its batch again, and the
same requests are never submitted twice. https://platform.openai.com/docs/guides/batch
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
from openai.types.chat import ChatCompletion

from ..dataset.costs import Cost, Ledger
from ..errors import UserError
from ..runtime.untrusted import parse_json, shown
from .answer_cache import AnswerStore
from .batch_files import ENDPOINT, BatchFiles, Note, is_id
from .client import answer_of
from .description_prompt import MAX_TOKENS, Message
from .failures import NoAnswerError, raise_if_hopeless
from .prices import Price, most_in, paid, price_of
from .settings import ChatSettings, connect

LABEL = "music-orchestrator"  # key of the metadata
_OVER = frozenset({"completed", "failed", "expired", "cancelled"})


@dataclass(frozen=True)
class BatchState:
    """How far a batch is.

    Attributes:
        name: ours.
        id: the server's; empty if it was never submitted.
        status: the server's word.
        done: requests that are answered.
        total: requests in it.
    """

    name: str
    id: str
    status: str
    done: int
    total: int


@dataclass(frozen=True)
class _Batch:
    """What a server says of a batch: its id, its status, how many requests are answered, and files of answers."""

    id: str
    status: str
    done: int
    files: tuple[str, ...]


@dataclass
class Collected:
    """What came of collecting: answers, what they cost, and why others failed."""

    answers: int = 0
    cost: Cost = field(default_factory=Cost)
    failures: list[str] = field(default_factory=list)


class BatchClient:
    """Submits, finds and collects the batches of a data set.

    Args:
        out: the data set's folder.
        settings: of whom to ask; concurrency and rates do not matter here.

    Raises:
        UserError: without a key.
    """

    def __init__(self, out: Path, settings: ChatSettings):
        self.files, self.settings = BatchFiles(out), settings
        self.client = connect(openai.OpenAI, settings, retries=settings.attempts - 1)
        self.ledger = Ledger(out, settings.model)
        self.store = AnswerStore(settings.cache)

    def submit(self, requests: Mapping[str, list[Message]]) -> list[BatchState]:
        """Submit what is neither answered nor under way.

        Raises:
            UserError: if it could cost more than the budget, answers could not be kept, or the server refuses.
        """
        self.store.require_keeping()
        under_way = self.under_way()
        wanted = {name: messages for name, messages in requests.items() if name not in under_way}
        self._within_budget(wanted, under_way)
        return [self._submit(name) for name in self.files.write(wanted, self.settings.model)]

    def under_way(self) -> dict[str, list[Message]]:
        """The requests that the server has, by name; those of batches that are over count until they are collected.

        Raises:
            UserError: if the server refuses.
        """
        found = {}
        for state in self.states():
            if state.id and state.status != "failed":  # which it does as a whole, before it is begun
                found.update(self.files.requests(state.name))
        return found

    def _within_budget(self, wanted: Mapping[str, list[Message]], under_way: Mapping[str, list[Message]]) -> None:
        limit = self.settings.budget
        if limit is None or not wanted:
            return
        most, promised = dollars_at_most(wanted, self.settings), dollars_at_most(under_way, self.settings)
        if most + promised > limit:
            beside = f" beside ${promised:.2f} for what is under way" if promised else ""
            raise UserError(f"{len(wanted)} requests can cost ${most:.2f} at most{beside}, the budget is ${limit:g}")

    def _submit(self, name: str) -> BatchState:
        with _one_line(self.settings, self.client):
            batch = self._find(name)
            if batch is None or batch.status in _OVER - {"completed"}:
                with self.files.path(name).open("rb") as file:
                    uploaded = self.client.files.create(file=file, purpose="batch")
                batch = _known(
                    self.client.batches.create(
                        input_file_id=uploaded.id, endpoint=ENDPOINT, completion_window="24h", metadata={LABEL: name}
                    )
                )
        self.files.note(name, Note(batch.id, str(self.client.base_url)))
        return self._state(name, batch)

    def _find(self, name: str) -> _Batch | None:
        """The newest batch of ours with this name, among all of the account."""
        batches = self.client.batches.list()
        return next((_known(batch) for batch in batches if (batch.metadata or {}).get(LABEL) == name), None)

    def states(self) -> list[BatchState]:
        """Every batch of the data set that is not collected, as the server sees it now; not those of other servers."""
        found = []
        for name in self.files.names():
            noted = self.files.noted(name)
            if noted and noted.url != str(self.client.base_url):
                continue
            with _one_line(self.settings, self.client):
                batch = _known(self.client.batches.retrieve(noted.id)) if noted else self._find(name)
            found.append(self._state(name, batch))
        return found

    def _state(self, name: str, batch: _Batch | None) -> BatchState:
        total = len(self.files.requests(name))
        if batch is None:
            return BatchState(name, "", "not submitted", 0, total)
        return BatchState(name, batch.id, batch.status, batch.done, total)

    def collect(self) -> Collected:
        """Fetch the answers of every batch that is over; those that failed can be submitted again."""
        result = Collected()
        price = price_of(self.settings.model, self.settings.price)
        for state in self.states():
            if state.status not in _OVER:
                continue
            requests = self.files.requests(state.name)
            with _one_line(self.settings, self.client):
                batch = _known(self.client.batches.retrieve(state.id))
                for line in self._lines(batch):
                    self._keep(line, requests, result, price)
            unanswered = [name for name in requests if not self.store.get(name)]
            if unanswered:
                result.failures.append(f"batch {state.id} is {state.status}: {len(unanswered)} unanswered")
            self.files.done(state.name)
        return result

    def _lines(self, batch: _Batch) -> Iterator[bytes]:
        for file_id in batch.files:
            yield from self.client.files.content(file_id).content.splitlines()

    def _keep(self, line: bytes, requests: Mapping[str, list[Message]], result: Collected, price: Price | None) -> None:
        """One line of what came back."""
        try:
            values = parse_json(line)
            name, response = str(values["custom_id"]), values["response"] or {}
            if name not in requests:
                raise NoAnswerError("it was never asked")
            if response.get("status_code") != 200:
                raise NoAnswerError(f"status {response.get('status_code')}")
            done = ChatCompletion.model_validate(response["body"])
            answer = answer_of(done, most_in(requests[name]), MAX_TOKENS)
        except (ValueError, KeyError, TypeError, AttributeError, NoAnswerError) as error:
            result.failures.append(" ".join(f"a line of the batch is no answer: {error}".split())[:200])
            return
        if self.store.get(name) is None:
            one = paid(answer.tokens_in, answer.tokens_out, price, price.batch_share if price else 1.0)
            self.ledger.add(one)  # first: collecting that is killed in between counts an answer twice, never not at all
            self.store.put(name, answer)
            result.answers += 1
            result.cost = result.cost.plus(one)


def under_way(out: Path, settings: ChatSettings) -> dict[str, list[Message]]:
    """The requests of a data set's batches whose answers are not here yet; nobody is asked if there are none.

    Raises:
        UserError: as `BatchClient.under_way`.
    """
    return BatchClient(out, settings).under_way() if BatchFiles(out).names() else {}


def dollars_at_most(requests: Mapping[str, list[Message]], settings: ChatSettings) -> float:
    """Dollars that requests can cost at most, by the batch.

    Raises:
        UserError: if the price is not known.
    """
    price = price_of(settings.model, settings.price)
    if price is None:
        raise UserError(f"the price of {settings.model} is not known: a budget needs --price IN,OUT")
    return price.batch_share * sum(price.most(messages) for messages in requests.values())


@contextmanager
def _one_line(settings: ChatSettings, client: openai.OpenAI) -> Iterator[None]:
    """Turn what the server's library raises into one line.

    Raises:
        UserError: in its place.
    """
    try:
        yield
    except (openai.OpenAIError, ValueError, TypeError, AttributeError, RecursionError) as error:  # the library checks
        url = str(client.base_url)  # no types, and hands on what json raises
        if isinstance(error, openai.OpenAIError):
            raise_if_hopeless(error, settings, url)
        reason = f": {error}" if type(error) is ValueError else ""
        raise UserError(f"the batch at {url} failed ({type(error).__name__}{reason[:200]}): run it again") from error


def _known(batch: Any) -> _Batch:
    """What a server says of a batch, of which nothing is sure to have the type that the API says.

    Raises:
        ValueError, AttributeError: if it is none.
    """
    counts, files = batch.request_counts, (batch.output_file_id, batch.error_file_id)
    done = (counts.completed or 0) if counts else 0
    names = [batch.id, *(name for name in files if name)]
    if not all(map(is_id, names)) or type(done) is not int:
        raise ValueError(f"{shown(names)} are no batch and its files")
    if type(batch.status) is not str or not batch.status.isidentifier():
        raise ValueError(f"{shown(batch.status)} is no status")
    return _Batch(batch.id, batch.status, done, tuple(names[1:]))

"""Descriptions through the Batch API: submitted today, collected tomorrow, by whatever process.

Every batch is known by a name made of its requests, which is written into its metadata and, before anything is sent,
into `ROOT/batches/NAME.jsonl`: a process that was killed between sending and noting finds its batch again, and the same
requests are never submitted twice. https://platform.openai.com/docs/guides/batch
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import openai
from openai.types.chat import ChatCompletion

from .. import atomic
from ..errors import UserError
from .answers import AnswerStore
from .costs import Ledger
from .desk import NoAnswerError, answer_of, raise_if_hopeless
from .prices import Cost, Price, price_of
from .question import MAX_TOKENS, Message
from .settings import ChatSettings

FOLDER = "batches"
LABEL = "music-orchestrator"  # key of the metadata
MOST_REQUESTS, MOST_BYTES = 50_000, 180_000_000  # of a file, by the API
ENDPOINT: Any = "/v1/chat/completions"
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
        collected: whether its answers are here.
    """

    name: str
    id: str
    status: str
    done: int
    total: int
    collected: bool


@dataclass
class Collected:
    """What came of collecting: answers, what they cost, and why others failed."""

    answers: int = 0
    cost: Cost = field(default_factory=Cost)
    failures: list[str] = field(default_factory=list)


class BatchDesk:
    """Submits, finds and collects the batches of a data set.

    Args:
        out: the data set's folder.
        settings: of whom to ask; concurrency and rates do not matter here.

    Raises:
        UserError: without a key.
    """

    def __init__(self, out: Path, settings: ChatSettings):
        self.folder, self.settings = out / FOLDER, settings
        self.client = openai.OpenAI(
            base_url=settings.base_url, api_key=settings.key(), timeout=settings.timeout,
            max_retries=settings.attempts - 1,
        )  # fmt: skip
        self.ledger = Ledger(out, settings.model)
        self.store = AnswerStore(settings.cache)

    def submit(self, requests: Mapping[str, list[Message]]) -> list[BatchState]:
        """Submit what is neither answered nor under way.

        Raises:
            UserError: if it could cost more than the budget, or the server refuses.
        """
        under_way = self._under_way()
        wanted = {name: messages for name, messages in requests.items() if name not in under_way}
        self._within_budget(wanted, under_way)
        tried = len(list(self.folder.glob("*.done")))  # what failed in a batch that is over gets a new one
        submitted = []
        for lines in _files(wanted, self.settings.model):
            name = hashlib.sha256("".join([*lines, str(tried)]).encode()).hexdigest()[:16]
            atomic.write_text(self.folder / f"{name}.jsonl", "".join(lines))
            submitted.append(self._submit(name))
        return submitted

    def _under_way(self) -> dict[str, list[Message]]:
        """The requests that the server is working on, by name."""
        found = {}
        for state in self.states():
            if state.id and state.status not in _OVER:
                found.update(self._requests(state.name))
        return found

    def _within_budget(self, wanted: Mapping[str, list[Message]], under_way: Mapping[str, list[Message]]) -> None:
        limit = self.settings.budget
        if limit is None or not wanted:
            return
        most, promised = self._most(wanted), self._most(under_way)
        if most + promised > limit:
            beside = f" beside ${promised:.2f} for what is under way" if promised else ""
            raise UserError(f"{len(wanted)} requests can cost ${most:.2f} at most{beside}, the budget is ${limit:g}")

    def _most(self, requests: Mapping[str, list[Message]]) -> float:
        """Dollars that requests can cost at most, by the batch."""
        price = price_of(self.settings.model, self.settings.price)
        if price is None:
            raise UserError(f"the price of {self.settings.model} is not known: a budget needs --price IN,OUT")
        return price.batch_share * sum(price.most(messages) for messages in requests.values())

    def promised(self) -> float:
        """Dollars that what is under way can cost at most.

        Raises:
            UserError: if the price is not known, or the server refuses.
        """
        return self._most(self._under_way())

    def _submit(self, name: str) -> BatchState:
        with _one_line(self.settings, self.client):
            batch = self._find(name)
            if batch is None or batch.status in _OVER - {"completed"}:
                with (self.folder / f"{name}.jsonl").open("rb") as file:
                    uploaded = self.client.files.create(file=file, purpose="batch")
                batch = self.client.batches.create(
                    input_file_id=uploaded.id, endpoint=ENDPOINT, completion_window="24h", metadata={LABEL: name}
                )
        self._note(name, batch.id, False)
        return self._state(name, batch, False)

    def _find(self, name: str) -> Any | None:
        """The newest batch of ours with this name, among all of the account."""
        return next((batch for batch in self.client.batches.list() if (batch.metadata or {}).get(LABEL) == name), None)

    def states(self) -> list[BatchState]:
        """Every batch of the data set, as the server sees it now."""
        found = []
        for path in sorted(self.folder.glob("*.jsonl")):
            noted = self._noted(path.stem)
            with _one_line(self.settings, self.client):
                batch = self.client.batches.retrieve(noted["id"]) if noted else self._find(path.stem)
            found.append(self._state(path.stem, batch, bool(noted and noted["collected"])))
        return found

    def _state(self, name: str, batch: Any | None, collected: bool) -> BatchState:
        if batch is None:
            return BatchState(name, "", "not submitted", 0, len(self._names(name)), False)
        done = batch.request_counts.completed if batch.request_counts else 0
        return BatchState(name, batch.id, batch.status, done, len(self._names(name)), collected)

    def collect(self) -> Collected:
        """Fetch the answers of every batch that is over; those that failed can be submitted again."""
        result = Collected()
        price = price_of(self.settings.model, self.settings.price)
        for state in self.states():
            if state.collected or state.status not in _OVER:
                continue
            names = self._names(state.name)
            with _one_line(self.settings, self.client):
                batch = self.client.batches.retrieve(state.id)
                for line in self._lines(batch):
                    self._keep(line, names, result, price)
            answered = [name for name in names if self.store.get(name)]
            if len(answered) < len(names):
                result.failures.append(f"batch {state.id} is {state.status}: {len(names) - len(answered)} unanswered")
            self._note(state.name, state.id, True)
            (self.folder / f"{state.name}.jsonl").rename(self.folder / f"{state.name}.done")
        return result

    def _lines(self, batch: Any) -> Iterator[str]:
        for file_id in filter(None, (batch.output_file_id, batch.error_file_id)):
            yield from self.client.files.content(file_id).text.splitlines()

    def _keep(self, line: str, names: set[str], result: Collected, price: Price | None) -> None:
        """One line of what came back."""
        try:
            values = json.loads(line)
            name, response = str(values["custom_id"]), values["response"] or {}
            if name not in names:
                raise NoAnswerError("it was never asked")
            if response.get("status_code") != 200:
                raise NoAnswerError(f"status {response.get('status_code')}")
            answer = answer_of(ChatCompletion.model_validate(response["body"]))
        except (ValueError, KeyError, TypeError, AttributeError, NoAnswerError) as error:
            result.failures.append(" ".join(f"a line of the batch is no answer: {error}".split())[:200])
            return
        if self.store.get(name) is None:
            one = Cost().plus(answer, price, price.batch_share if price else 1.0)
            self.ledger.add(one)  # first: collecting that is killed in between counts an answer twice, never not at all
            self.store.put(name, answer)
            result.answers += 1
            result.cost = result.cost.and_also(one)

    def _requests(self, name: str) -> dict[str, list[Message]]:
        """The messages of a batch, by the requests' names."""
        lines = map(json.loads, (self.folder / f"{name}.jsonl").read_text().splitlines())
        return {line["custom_id"]: line["body"]["messages"] for line in lines}

    def _names(self, name: str) -> set[str]:
        return set(self._requests(name))

    def _note(self, name: str, batch_id: str, collected: bool) -> None:
        atomic.write_json(self.folder / f"{name}.json", {"id": batch_id, "collected": collected})

    def _noted(self, name: str) -> dict[str, Any] | None:
        path = self.folder / f"{name}.json"
        return json.loads(path.read_text()) if path.is_file() else None


def promised(out: Path, settings: ChatSettings) -> float:
    """Dollars that a data set's batches under way can cost at most; nobody is asked if there are none.

    Raises:
        UserError: as `BatchDesk.promised`.
    """
    return BatchDesk(out, settings).promised() if any((out / FOLDER).glob("*.jsonl")) else 0.0


@contextmanager
def _one_line(settings: ChatSettings, client: openai.OpenAI) -> Iterator[None]:
    """Turn what the server's library raises into one line.

    Raises:
        UserError: in its place.
    """
    try:
        yield
    except openai.OpenAIError as error:
        url = str(client.base_url)
        raise_if_hopeless(error, settings, url)
        raise UserError(f"the batch at {url} failed ({type(error).__name__}): run it again") from error


def _files(requests: Mapping[str, list[Message]], model: str) -> Iterator[Sequence[str]]:
    """Lines of request files within the API's limits, in order of their names: the same requests, the same files."""
    lines: list[str] = []
    size = 0
    for name, messages in sorted(requests.items()):
        body = {"model": model, "messages": messages, "temperature": 0.0, "max_tokens": MAX_TOKENS}
        line = json.dumps({"custom_id": name, "method": "POST", "url": ENDPOINT, "body": body}) + "\n"
        if lines and (len(lines) == MOST_REQUESTS or size + len(line) > MOST_BYTES):
            yield lines
            lines, size = [], 0
        lines.append(line)
        size += len(line)
    if lines:
        yield lines

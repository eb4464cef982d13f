"""What is known here of a data set's batches: the requests of each in `ROOT/batches/NAME.jsonl`, and a note beside it.

The requests are written before anything is sent, and the file is renamed to `NAME.done` when the answers are here.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from ..errors import UserError
from ..runtime import atomic
from ..runtime.untrusted import parse_json, read_regular, shown
from .description_prompt import MAX_TOKENS, Message

FOLDER = "batches"
_LONGEST_ID = 200
_LARGEST_NOTE = 1 << 16  # bytes
MOST_REQUESTS, MOST_BYTES = 50_000, 180_000_000  # of a file, by the API
ENDPOINT: Literal["/v1/chat/completions"] = "/v1/chat/completions"


@dataclass(frozen=True)
class Note:
    """What is known of a batch that was sent.

    Attributes:
        id: the server's.
        url: of the server.
    """

    id: str
    url: str


class BatchFiles:
    """The batches of a data set whose answers are not all here.

    Args:
        out: the data set's folder.
    """

    def __init__(self, out: Path):
        self.folder = out / FOLDER

    def names(self) -> list[str]:
        """Of them all."""
        return sorted(path.stem for path in self.folder.glob("*.jsonl"))

    def path(self, name: str) -> Path:
        """The file of a batch's requests."""
        return self.folder / f"{name}.jsonl"

    def requests(self, name: str) -> dict[str, list[Message]]:
        """The messages of a batch, by the requests' names.

        Raises:
            UserError: if its file is torn, or of no batch.
        """
        try:
            return dict(map(_request_of, read_regular(self.path(name), MOST_BYTES).splitlines()))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _torn(self.path(name), error) from error

    def write(self, requests: Mapping[str, list[Message]], model: str) -> Iterator[str]:
        """Write as many files as the requests need; yields the name of each, which is made of its requests."""
        tried = len(list(self.folder.glob("*.done")))  # what failed in a batch that is over gets a new one
        for lines in _within_limits(requests, model):
            name = hashlib.sha256("".join([*lines, str(tried)]).encode()).hexdigest()[:16]
            atomic.write_text(self.path(name), "".join(lines))
            yield name

    def note(self, name: str, note: Note) -> None:
        """Note where a batch was sent."""
        atomic.write_json(self.folder / f"{name}.json", asdict(note))

    def noted(self, name: str) -> Note | None:
        """What was noted of a batch; None if it was never sent, or its sender was killed before it could note it.

        Raises:
            UserError: if its file is torn, or no note.
        """
        path = self.folder / f"{name}.json"
        try:
            return _note_of(read_regular(path, _LARGEST_NOTE))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise _torn(path, error) from error

    def done(self, name: str) -> None:
        """The answers of a batch are here."""
        self.path(name).rename(self.folder / f"{name}.done")


def is_id(value: object) -> bool:
    """Whether a server's name for a batch, or a file, can stand in an address, where openai's library quotes it."""
    return type(value) is str and value.isprintable() and 0 < len(value) <= _LONGEST_ID and bool(value.strip("."))


def _request_of(line: bytes) -> tuple[str, list[Message]]:
    """The name of a request, and its messages.

    Raises:
        ValueError, KeyError, TypeError: if it is none.
    """
    values = parse_json(line)
    name, messages = values["custom_id"], values["body"]["messages"]
    if type(name) is not str or type(messages) is not list or not messages:
        raise ValueError(f"custom_id is {shown(name)}, messages {shown(messages)}: expected text, a list")
    for message in messages:
        if type(message) is not dict or not all(type(message[key]) is str for key in ("role", "content")):
            raise ValueError(f"a message is {shown(message)}, expected role and content")
    return name, messages


def _note_of(data: bytes) -> Note:
    values = parse_json(data)
    note = Note(values["id"], values["url"])
    if not is_id(note.id) or type(note.url) is not str:
        raise ValueError(f"id is {shown(note.id)}, url {shown(note.url)}: expected a batch's, an address")
    return note


def _torn(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} is torn ({type(error).__name__}: {error}): remove it, and submit again")


def _within_limits(requests: Mapping[str, list[Message]], model: str) -> Iterator[Sequence[str]]:
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

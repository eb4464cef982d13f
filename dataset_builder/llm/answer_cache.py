"""Every answer that ever arrived, on disk by what was asked: nothing is asked or paid for twice."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from ..runtime import atomic
from ..runtime.untrusted import parse_json, read_regular
from ..runtime.user_cache import cache_folder, require_keeping
from .description_prompt import Message

FOLDER = cache_folder("answers")
_LARGEST = 1 << 20  # bytes of an answer's file
LONGEST = 20_000  # characters of an answer: a hundred times what is asked for, and what is made of it takes a second


@dataclass(frozen=True)
class Answer:
    """What came back.

    Attributes:
        text: the answer.
        tokens_in: of the request, as the server counted; 0 if it does not say.
        tokens_out: of the answer, as the server counted; 0 if it does not say.
        refused: whether the server says that the model would not answer.
    """

    text: str
    tokens_in: int
    tokens_out: int
    refused: bool = False


def unusable(text: str) -> str | None:
    """Why a text can be no answer that is kept and worked on; None if it can."""
    if len(text) > LONGEST:
        return f"the answer has {len(text)} characters"
    try:
        text.encode()
    except UnicodeEncodeError:
        return "the answer is no text: it holds half a character"
    return None


def request_id(model: str, messages: list[Message]) -> str:
    """A request's name: the same for the same model and messages, whatever asks for it, and when."""
    return hashlib.sha256(json.dumps([model, messages], ensure_ascii=False).encode()).hexdigest()[:40]


class AnswerStore:
    """Answers in a folder, a file each.

    Args:
        folder: default: in the user's cache folder, so that all data sets share it.
    """

    def __init__(self, folder: Path | None = None):
        self.folder = folder or FOLDER

    def require_keeping(self) -> None:
        """Stop before a question is asked whose answer could not be kept.

        Raises:
            UserError: if the folder cannot be written.
        """
        require_keeping(self.folder)

    def get(self, name: str) -> Answer | None:
        """The answer to the request of this name; None if there is none, or its file is torn or of no use."""
        try:
            values = parse_json(read_regular(self._path(name), _LARGEST))
            answer = Answer(
                str(values["text"]), int(values["tokens_in"]), int(values["tokens_out"]), bool(values["refused"])
            )
        except (OSError, ValueError, KeyError, TypeError, OverflowError):
            return None
        return None if unusable(answer.text) else answer

    def put(self, name: str, answer: Answer) -> None:
        """Keep an answer, whole or not at all."""
        atomic.write_json(self._path(name), asdict(answer))

    def forget(self, name: str) -> None:
        """Let a request be asked again."""
        self._path(name).unlink(missing_ok=True)

    def _path(self, name: str) -> Path:
        return self.folder / name[:2] / f"{name}.json"

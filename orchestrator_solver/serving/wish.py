"""What somebody may wish to hear, as it comes from a browser or a program: every field within its bounds."""

import unicodedata
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from dataset_builder.errors import UserError
from dataset_builder.music.key import NAMES
from dataset_builder.runtime.untrusted import shown

MOST_TAKES = 4
LONGEST_DESCRIPTION, LONGEST_LIST = 1_000, 2_000  # letters
LARGEST_SEED = 2**53 - 1  # as large as a number of JSON is exact everywhere


def _plain(text: str) -> str:
    """The text on one line.

    Raises:
        ValueError: for what is no text to read, such as an escape or half of a letter.
    """
    line = " ".join(text.split())
    if odd := [letter for letter in line if unicodedata.category(letter) in ("Cc", "Cs")]:
        raise ValueError(f"it holds U+{ord(odd[0]):04X}, which no text shows: type it anew")
    return line


def _known_key(name: str) -> str:
    if name not in NAMES:
        raise ValueError(f"expected one of {', '.join(NAMES)}")
    return name


_Kind = TypeVar("_Kind", bound=BaseModel)
List = Annotated[str, Field(max_length=LONGEST_LIST), AfterValidator(_plain)]
Sentences = Annotated[str, Field(max_length=LONGEST_DESCRIPTION), AfterValidator(_plain)]


@dataclass(frozen=True)
class Limits:
    """What is refused, in one line, when it is more.

    Attributes:
        max_seconds: of a tune, and of a take.
        max_megabytes: of a tune's file.
        max_queue: requests that wait.
        timeout: seconds that the takes of one request may need, from when they begin.
    """

    max_seconds: float = 60.0
    max_megabytes: float = 20.0
    max_queue: int = 16
    timeout: float = 300.0


class Facts(BaseModel):
    """What is said of a tune in place of what is heard in it.

    Attributes:
        bpm: quarters a minute.
        key: such as `G minor`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)
    bpm: Annotated[float, Field(ge=20, le=400)] | None = None
    key: Annotated[str, AfterValidator(_known_key)] | None = None


class Wish(Facts):
    """What is to be played of a tune.

    Attributes:
        instruments: a list, in one's own words.
        description: of the music; "" says nothing, None has it described.
        seconds: of every take; None for as long as the tune.
        takes: how many, each with the next seed.
        seed: of the first one's draws.
        guidance: how closely tune and words are followed; None, as the model plays best.
        temperature: how freely it plays.
    """

    instruments: List
    description: Sentences | None = None
    seconds: Annotated[float, Field(ge=1)] | None = None
    takes: Annotated[int, Field(ge=1, le=MOST_TAKES)] = 1
    seed: Annotated[int, Field(ge=0, le=LARGEST_SEED)] = 0
    guidance: Annotated[float, Field(ge=0, le=100)] | None = None
    temperature: Annotated[float, Field(ge=0, le=100)] = 1.0


def facts_of(bpm: Any, key: Any) -> Facts:
    """Tempo and key.

    Raises:
        UserError: for the first field that is none.
    """
    return _checked(Facts, {"bpm": bpm, "key": key})


def wish_of(max_seconds: float, **fields: Any) -> Wish:
    """A wish of these fields, takes of which last no longer than `max_seconds`.

    Raises:
        UserError: for the first field that is missing, of another type, or out of bounds.
    """
    wish = _checked(Wish, fields)
    if wish.seconds and wish.seconds > max_seconds:
        raise UserError(f"seconds is {wish.seconds:g}: this server plays at most {max_seconds:g} at once")
    return wish


def _checked(kind: type[_Kind], fields: dict[str, Any]) -> _Kind:
    try:
        return kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        field = str(first["loc"][0])
        raise UserError(f"{field} is {shown(first['input'])}: {first['msg'].removeprefix('Value error, ')}") from error

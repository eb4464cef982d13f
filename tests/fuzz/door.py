"""A door: where bytes that a stranger may have written come in, and what may happen to them there."""

import json
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from dataset_builder.errors import UserError
from dataset_builder.seeds import rng_for

from .mutation import Mutate

CORPUS = Path(__file__).with_name("corpus")
FINE, ONE_LINE, FINDING = "fine", "one line", "finding"
_LONGEST = 4000  # letters of a line


@dataclass(frozen=True)
class Opened:
    """A door that a process has opened.

    Attributes:
        originals: what stands there when nobody has changed anything.
        read: puts bytes in the place of the originals and reads them as a command would; returns what they mean.
    """

    originals: Sequence[bytes]
    read: Callable[[bytes], object]


@dataclass(frozen=True)
class Door:
    """A door, closed.

    Attributes:
        open: prepares all that a reader needs in an empty folder.
        mutate: how inputs are made of the originals.
        refusals: errors that the reader's caller turns into one line.
        sealed: whether there are checksums, so that no other value may come of bytes that were changed.
        crafted: inputs by name that are too large to be kept as files.
    """

    open: Callable[[Path], Opened]
    mutate: Mutate
    refusals: tuple[type[Exception], ...] = (UserError,)
    sealed: bool = False
    crafted: Mapping[str, Callable[[], bytes]] = field(default_factory=dict)


@dataclass(frozen=True)
class Verdict:
    """What came of an input.

    Attributes:
        kind: FINE, ONE_LINE or FINDING.
        words: of the error; of a finding all that is known.
    """

    kind: str
    words: str = ""


def corpus(name: str, door: Door) -> list[str]:
    """Names of the inputs of a door that come before the numbered ones."""
    return [*sorted(path.name for path in (CORPUS / name).glob("*")), *door.crafted]


def input_of(name: str, door: Door, originals: Sequence[bytes], key: str) -> bytes:
    """An input of a door, by its number or its name in the corpus: the same on every machine."""
    if key.isdigit():
        return door.mutate(rng_for("fuzz", name, int(key)), originals)
    return door.crafted[key]() if key in door.crafted else (CORPUS / name / key).read_bytes()


def judge(door: Door, opened: Opened, data: bytes) -> Verdict:
    """Read an input and say what came of it. What ends the process is the parent's to judge."""
    try:
        value = opened.read(data)
    except KeyboardInterrupt:
        raise
    except door.refusals as error:
        return _of_refusal(error)
    except BaseException as error:  # noqa: BLE001 - what else is raised is what is looked for, Rust's panics too
        return Verdict(FINDING, f"{error!r}\n{''.join(traceback.format_exception(error))}")
    if door.sealed and data not in opened.originals and value not in map(opened.read, opened.originals):
        return Verdict(FINDING, f"silently another value: {value!r:.500}")
    return Verdict(FINE)


def _of_refusal(error: Exception) -> Verdict:
    words = str(error)
    if not words.strip() or "\n" in words or len(words) > _LONGEST:
        return Verdict(FINDING, f"not one line that can be read: {json.dumps(words)[:2000]}")
    return Verdict(ONE_LINE, words)

"""What a model is by its name and its `model.json`, before any weights are read: torch is not imported."""

import json
import re
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from dataset_builder.errors import UserError
from dataset_builder.music.instrument_words import NAMINGS

FOLDER = Path(__file__).parent.parent / "pretrained"
PREFIX = "//pretrained/"
WHOLE = "`git checkout -- .` in a whole clone (none that is sparse or partial), or copy the folder again"
MOST_BYTES = 2**20  # of model.json
_ELSEWHERE = re.compile(r"//pretrained/.+|[A-Za-z0-9][\w.-]*/[\w.-]+")  # owner/name at the hub


def shipped() -> list[str]:
    """Names of the models that come with the project."""
    return sorted(path.parent.name for path in FOLDER.glob("*/model.json"))


def folder_of(name: str) -> Path | None:
    """The folder of a shipped model or of an exported one, None if there is none of this name."""
    name = name.removeprefix(PREFIX)
    for folder in (FOLDER / name, Path(name)):
        if (folder / "model.json").is_file():
            return folder
    return None


def require_shipped(name: str) -> None:
    """Stop if a clone has none of the models that it should.

    Raises:
        UserError: how to get them.
    """
    if not shipped():
        raise UserError(f"no model {name!r}: {FOLDER} is empty, this clone is not whole: {WHOLE}")


def require_model(name: str) -> None:
    """See that a language model can have this name, before anything is loaded: nothing is asked of the hub.

    Raises:
        UserError: it is no model that is shipped, no folder of one, no run here, and no name at the hub.
    """
    if folder_of(name) or _ELSEWHERE.fullmatch(name) or Path(name).exists() or _is_run(name):
        return
    require_shipped(name)
    near = get_close_matches(name, shipped(), 1)
    hint = f"did you mean {near[0]}?" if near else f"expected one of {', '.join(shipped())}, a folder with model.json,"
    raise UserError(f"no model {name!r:.80}: {hint}" + ("" if near else " a run's signature, or owner/name at the hub"))


def _is_run(name: str) -> bool:
    if not re.fullmatch(r"[0-9a-f]+", name):
        return False
    from ..paths import run_folder

    return (run_folder() / name).is_dir()


def reads_any_words(name: str) -> bool:
    """Whether the text encoder of a language model knows more than instruments' words; its weights are not read.

    Also true where there is no package of this name.

    Raises:
        UserError: if the package is torn.
    """
    folder = folder_of(name)
    if folder is None:
        return True
    said = _told(folder)
    try:
        return bool(said["cfg"]["conditioners"]["description"]["model"] != "words")
    except (KeyError, TypeError) as error:
        raise UserError(f"{folder}: the model cannot be read ({error}); export or download it again") from error


def facts_of(name: str) -> dict[str, Any]:
    """What a model's package says of its training; nothing of one that has no package here.

    Raises:
        UserError: if the package is torn.
    """
    folder = folder_of(name)
    return dict(_told(folder)["facts"]) if folder else {}


def _told(folder: Path) -> dict[str, Any]:
    try:
        said = read_description(folder)
        if said["kind"] != "lm":
            raise UserError(f"{folder} holds a model of kind {said['kind']!r:.80}, expected 'lm'")
        return said
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(f"{folder}: the model cannot be read ({reason}); export or download it again") from error


def read_description(folder: Path) -> dict[str, Any]:
    """What a model's `model.json` says, unchecked but for its facts.

    Raises:
        OSError, ValueError, KeyError, TypeError: it cannot be read, or says nothing that a model's would.
    """
    with (folder / "model.json").open("rb") as file:
        text = file.read(MOST_BYTES + 1)
    if len(text) > MOST_BYTES:
        raise ValueError(f"model.json has more than {MOST_BYTES} bytes")
    description = json.loads(text)
    if not isinstance(description, dict) or not isinstance(description["facts"], dict):
        raise TypeError("model.json is no mapping with facts")
    checked_facts(description["facts"])
    return description


def checked_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """What a package says of its training, if that can be understood.

    Raises:
        TypeError: which of it is not what it should be.
    """
    for key in ("instruments", "own_words"):
        names = facts.get(key, [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise TypeError(f"its {key} are no list of names")
    if facts.get("instrument_words", "classes") not in NAMINGS:
        raise TypeError(f"its instrument_words are none of {', '.join(NAMINGS)}")
    return facts

"""JSON that a stranger wrote: what cannot be read is always a ValueError in one line, whatever it is.

A schema of pydantic-core says which fields there are, of which types and within which bounds. It is checked while the
text is parsed, which together takes half of the time that `json` and Python's own constructors take.
"""

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator, ValidationError


_DEEPEST = 64  # levels; what is written here has 5


def parse_json(data: bytes | str) -> Any:
    """What a JSON text says; numbers are finite.

    Raises:
        ValueError: if it is no such text, or nested so deeply that Python cannot follow.
    """
    try:
        value = json.loads(data, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    _require_flat(value)
    return value


def _require_flat(value: Any) -> None:
    """See that whatever copies, compares or writes a value can follow it, which takes more a level than reading it."""
    level = [value]
    for _ in range(_DEEPEST):
        level = [
            inner
            for one in level
            if isinstance(one, dict | list)
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
        if not level:
            return
    raise ValueError("it is nested too deeply")


def _refuse(name: str) -> float:
    raise ValueError(f"{name} is no number of JSON")


def validated(validator: "SchemaValidator", data: bytes) -> Any:
    """What a JSON text says, as its schema makes it.

    Raises:
        ValueError: if it is no JSON, or breaks the schema: which field, what was found and what was expected.
    """
    from pydantic_core import ValidationError

    try:
        return validator.validate_json(data)
    except ValidationError as error:
        raise ValueError(_told(error)) from error


def _told(error: "ValidationError") -> str:
    first = error.errors(include_url=False, include_context=False)[0]
    if first["type"] == "json_invalid":
        return str(first["msg"])
    field = ".".join(map(str, first["loc"])) or "all of it"
    return f"{field} is {shown(first['input'])}: {first['msg']}"


def shown(value: Any) -> str:
    """A value in a few printable letters."""
    text = ascii(value) if isinstance(value, str | int | float | None) else type(value).__name__
    return text if len(text) <= 60 else f"{text[:60]}..."

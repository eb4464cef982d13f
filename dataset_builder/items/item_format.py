"""What the fields of an item may hold in a file: whoever has an item can trust its names, paths and numbers.

A stranger may have written the file. Files are named after an item's id and track, paths are followed from the source's
root, memory is taken by the duration: all is checked here, once, where items are read.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from ..audio.limits import LEAST_RATE, MOST_RATE, MOST_SECONDS
from ..audit.exclusions import LeftOut
from ..music.instrument_words import LONGEST_WORD
from ..music.instruments import CLASSES
from ..runtime.untrusted import validated
from .item import Item, Reference, StemPart

if TYPE_CHECKING:  # otherwise imported where something is read: a build that only writes starts earlier
    from pydantic_core import CoreSchema, SchemaValidator

LONGEST_ID = 236  # letters: the temporary file of one has 19 more in its name, and 255 are the most
_LETTER = r"[^/\p{C}\p{Zl}\p{Zp}]"  # all but "/" and what is not printed
_NO_DOT = r"[^/.\p{C}\p{Zl}\p{Zp}]"
_NAME = f"{_NO_DOT}{_LETTER}*"
_PART = rf"(?:{_NO_DOT}{_LETTER}*|\.{_NO_DOT}{_LETTER}*|\.\.{_LETTER}+)"  # of a path: neither "." nor ".."
_LONGEST_TEXT, _LONGEST_PATH = 100_000, 4_000


def parse_item(data: bytes) -> Item:
    """An item from its JSON; other fields are left aside.

    Raises:
        ValueError: if a field is missing, or holds what none may: which, what was found and what was expected.
    """
    found: Item = validated(_validators()["item"], data)
    return found


def parse_track(data: bytes) -> tuple[list[Item], list[LeftOut]]:
    """The items of a track's result, and what was left out, from its JSON.

    Raises:
        ValueError: if a field is missing, or holds what none may: which, what was found and what was expected.
    """
    found = validated(_validators()["track"], data)
    return found["items"], found["left_out"]


def is_id(value: Any) -> bool:
    """Whether files can be named after this, as after an item or a track."""
    return (
        type(value) is str and value.isprintable() and "/" not in value and value[:1] not in ("", ".")
        and len(value) <= LONGEST_ID
    )  # fmt: skip


@cache
def _validators() -> Mapping[str, "SchemaValidator"]:
    from pydantic_core import SchemaValidator, core_schema

    item = _item()
    left_out = _object(LeftOut, dict.fromkeys(("track", "what", "which", "reason", "detail"), _text()))
    lists = {"items": core_schema.list_schema(item), "left_out": core_schema.list_schema(left_out)}
    track = core_schema.typed_dict_schema(
        {name: core_schema.typed_dict_field(each, required=True) for name, each in lists.items()}
    )
    shared = [_id(), _path()]
    found = {"item": item, "track": track}
    return {name: SchemaValidator(core_schema.definitions_schema(each, shared)) for name, each in found.items()}


def _item() -> "CoreSchema":
    from pydantic_core import core_schema as schema

    identity, path = schema.definition_reference_schema("id"), schema.definition_reference_schema("path")
    text, seconds = _text(), _number(0, MOST_SECONDS + 1)
    span = schema.tuple_schema([seconds, seconds])
    instrument = schema.literal_schema(list(CLASSES))
    stem = _object(StemPart, {
        "id": identity, "path": path, "gain": _number(-1000, 1000), "instrument": schema.nullable_schema(instrument),
        "program": schema.int_schema(ge=0, le=128, strict=True), "is_drum": schema.bool_schema(strict=True),
        "word": schema.with_default_schema(schema.nullable_schema(_word()), default=None),
    })  # fmt: skip
    reference = _object(Reference, {"item": identity, "melody": _number(0, 1)})
    tags = schema.dict_schema(text, _number(0, 1), max_length=1000)
    return _object(Item, {
        "id": identity, "kind": schema.literal_schema(["mix", "stem", "submix"]), "track": identity,
        "split": schema.literal_schema(["train", "valid", "test"]),
        "stems": schema.tuple_schema([stem], variadic_item_index=0, min_length=1, max_length=1000),
        "audio": schema.nullable_schema(path),
        "instruments": schema.tuple_schema([instrument], variadic_item_index=0, max_length=len(CLASSES)),
        "duration": schema.float_schema(gt=0, le=MOST_SECONDS, strict=True, allow_inf_nan=False),
        "sample_rate": schema.int_schema(ge=LEAST_RATE, le=MOST_RATE, strict=True),
        "bpm": schema.nullable_schema(_number(0, 1e8)), "key": schema.nullable_schema(text),
        "caption": schema.nullable_schema(text), "tags": schema.nullable_schema(tags),
        "description": schema.nullable_schema(text),
        "activity": schema.dict_schema(identity, schema.tuple_schema([span], variadic_item_index=0), max_length=1000),
        "references": schema.tuple_schema([reference], variadic_item_index=0, max_length=100_000),
        "licence": text, "seed": schema.int_schema(ge=0, lt=1 << 53, strict=True),
    })  # fmt: skip


def _object(kind: type, fields: Mapping[str, "CoreSchema"]) -> "CoreSchema":
    from pydantic_core import core_schema

    arguments = [core_schema.dataclass_field(name, each) for name, each in fields.items()]
    made = core_schema.dataclass_args_schema(kind.__name__, arguments)
    return core_schema.dataclass_schema(kind, made, list(fields), frozen=True)


def _text() -> "CoreSchema":
    from pydantic_core import core_schema

    return core_schema.str_schema(max_length=_LONGEST_TEXT, strict=True)


def _word() -> "CoreSchema":
    from pydantic_core import core_schema

    return core_schema.str_schema(pattern=r"^[^\p{C}\p{Zl}\p{Zp},;]+$", max_length=LONGEST_WORD, strict=True)


def _id() -> "CoreSchema":
    return _matching("id", f"^{_NAME}$", LONGEST_ID, f"at most {LONGEST_ID} printed letters, no '/', no dot in front")


def _path() -> "CoreSchema":
    return _matching("path", f"^{_PART}(?:/{_PART})*$", _LONGEST_PATH, "a path below the source's root, without '..'")


def _matching(ref: str, pattern: str, longest: int, expected: str) -> "CoreSchema":
    from pydantic_core import core_schema

    text = core_schema.str_schema(pattern=pattern, max_length=longest, strict=True)
    message = f"expected {expected}"
    return core_schema.custom_error_schema(text, "unexpected", custom_error_message=message, ref=ref)


def _number(least: float, most: float) -> "CoreSchema":
    from pydantic_core import core_schema

    return core_schema.float_schema(ge=least, le=most, strict=True, allow_inf_nan=False)

"""What each track was made of, kept on this machine in `DATA/.sources/ID.json`: so that a change is noticed cheaply.

Times differ from machine to machine: no other file of a data set holds any, and these files are in no list of sums.
Where they are missing, as of a data set that was shared without them, the source that is found is taken as that which
the tracks were made of.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from ..runtime import atomic
from ..runtime.untrusted import read_regular, validated
from ..sources.track_files import Stamp

if TYPE_CHECKING:
    from pydantic_core import SchemaValidator

FOLDER = ".sources"
_LARGEST, _MOST_FILES, _LONGEST = 1 << 26, 100_000, 4_000  # bytes, files of a track, letters of a path
_PRINTED = r"^[^\p{C}\p{Zl}\p{Zp}]*$"
_INT64 = 1 << 63


@dataclass(frozen=True)
class SourceFile:
    """A file as it was when it was last read.

    Attributes:
        stamp: its size and time.
        digest: SHA-256 of all of it; empty if it could not be read.
    """

    stamp: Stamp
    digest: str


@dataclass(frozen=True)
class SourceRecord:
    """What a track was made of.

    Attributes:
        split: that it was put into.
        folder: of the track, relative to the source's root.
        made_by: the reader and the version of what is made of a track.
        files: by their paths in the folder.
    """

    split: str
    folder: str
    made_by: str
    files: Mapping[str, SourceFile]


def record_path(out: Path, track_id: str) -> Path:
    """Where a track's record is."""
    return out / FOLDER / f"{track_id}.json"


def write_record(out: Path, track_id: str, record: SourceRecord) -> None:
    """Write a track's record."""
    files = {name: [*file.stamp, file.digest] for name, file in sorted(record.files.items())}
    fields = {"split": record.split, "folder": record.folder, "made_by": record.made_by, "files": files}
    atomic.write_record(record_path(out, track_id), fields)


def find_record(out: Path, track_id: str) -> SourceRecord | None:
    """A track's record; None if there is none, or it is torn or another version's."""
    try:
        values = validated(_validator(), read_regular(record_path(out, track_id), _LARGEST))
    except (OSError, ValueError):
        return None
    files = {
        name: SourceFile(Stamp(size, changed), digest) for name, (size, changed, digest) in values["files"].items()
    }
    return SourceRecord(values["split"], values["folder"], values["made_by"], files)


@cache
def _validator() -> "SchemaValidator":
    from pydantic_core import SchemaValidator, core_schema

    printed = core_schema.str_schema(pattern=_PRINTED, max_length=_LONGEST, strict=True)
    digest = core_schema.str_schema(pattern="^(?:[0-9a-f]{64})?$", strict=True)
    size = core_schema.int_schema(ge=0, lt=_INT64, strict=True)
    changed = core_schema.int_schema(ge=-_INT64, lt=_INT64, strict=True)
    files = core_schema.dict_schema(
        printed, core_schema.tuple_schema([size, changed, digest]), max_length=_MOST_FILES, strict=True
    )
    split = core_schema.literal_schema(["train", "valid", "test"])
    fields = {"split": split, "folder": printed, "made_by": printed, "files": files}
    return SchemaValidator(
        core_schema.typed_dict_schema(
            {name: core_schema.typed_dict_field(each, required=True) for name, each in fields.items()}
        )
    )

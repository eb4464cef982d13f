"""What wandb keeps of a run that logs offline, read back without a server: `outputs/xps/SIG/wandb/offline-run-*`.

wandb has a reader of its own in Go only. The file is a log as LevelDB's: blocks of 32 KiB, in which records stand whole
or in pieces, each a protocol buffer of `wandb.proto`.
Source: https://github.com/google/leveldb/blob/main/doc/log_format.md.
"""

import json
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dataset_builder.errors import UserError

BLOCK = 32_768  # bytes
MAGIC = b":W&B\xe1\xbe\x00"
HEADER = struct.Struct("<IHB")  # of a piece: checksum, length, kind
WHOLE, FIRST, LAST = 1, 2, 4  # kinds of pieces


def history_of(folder: Path) -> list[dict[str, Any]]:
    """What a run logged, a dict a call of `log`, in order; names as at wandb (`steps/ce`), media as references.

    Args:
        folder: of the run, `offline-run-DATE-SIG`. Of a run that was killed everything up to its last whole record.

    Raises:
        UserError: if there is no such run, or wandb's file is none.
    """
    from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]  # protobuf makes it at run time

    files = sorted(folder.glob("run-*.wandb"))
    if not files:
        raise UserError(f"{folder} holds no run-*.wandb: expected a folder wandb/offline-run-DATE-SIG of a run")
    rows = []
    for data in _records(files[0]):
        record = Record.FromString(data)
        if record.WhichOneof("record_type") == "history":
            rows.append(_row(record.history.item))
    return rows


def _row(items: Any) -> dict[str, Any]:
    """Values by name; what has several names within each other is nested."""
    row: dict[str, Any] = {}
    for item in items:
        *outer, last = item.nested_key or [item.key]
        inner = row
        for name in outer:
            inner = inner.setdefault(name, {})
        inner[last] = json.loads(item.value_json)
    return row


def _records(path: Path) -> Iterator[bytes]:
    data = path.read_bytes()
    if not data.startswith(MAGIC):
        raise UserError(f"{path} is no log of wandb (it begins with {data[:7]!r}): expected one of wandb 0.19 or newer")
    place, pieces = len(MAGIC), b""
    while place + HEADER.size <= len(data):
        left = BLOCK - place % BLOCK
        if left < HEADER.size:  # too little for a piece: the block's end is filled
            place += left
            continue
        _, length, kind = HEADER.unpack_from(data, place)
        place += HEADER.size
        piece = data[place : place + length]
        if kind == 0 or len(piece) < length:  # what a process wrote last before it was killed
            return
        place += length
        pieces = piece if kind in (WHOLE, FIRST) else pieces + piece
        if kind in (WHOLE, LAST):
            yield pieces

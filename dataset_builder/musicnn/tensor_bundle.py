"""Reads TensorFlow's "tensor bundle" checkpoints (`NAME.index` + `NAME.data-00000-of-00001`) without TensorFlow.

The index is an uncompressed LevelDB-style table whose values are `BundleEntryProto` messages (tensorflow/core/protobuf/
tensor_bundle.proto, tensorflow/core/lib/io/format.cc); the data file is the tensors' raw little-endian bytes.
Nothing is unpickled or executed, and every offset is checked against the files' sizes before it is used.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import UserError

_FOOTER = 48
_MAGIC = 0xDB4775248B80FB57
# The numbers of types.proto
_DTYPES: dict[int, np.dtype] = {1: np.dtype("<f4"), 2: np.dtype("<f8"), 3: np.dtype("<i4"), 9: np.dtype("<i8")}
_MAX_ITEMS = 2**31


class _Malformed(Exception):
    """The bytes do not follow the format; turned into a `UserError` that names the file."""


@dataclass(frozen=True)
class Entry:
    """Where one tensor lies in the data file: `offset` and `size` in bytes."""

    dtype: np.dtype
    shape: tuple[int, ...]
    offset: int
    size: int


class TensorBundle:
    """The tensors of one checkpoint, by variable name; nothing but the index is read before a tensor is asked for.

    Args:
        prefix: the checkpoint's path without `.index`; one that ends in a slash means names that start with a dot.

    Raises:
        UserError: a file is missing, or the index is not an uncompressed single-shard tensor bundle.
    """

    def __init__(self, prefix: str | Path):
        self.index_path = Path(f"{prefix}.index")
        self.data_path = Path(f"{prefix}.data-00000-of-00001")
        try:
            self.entries = _read_index(self.index_path.read_bytes(), self.data_path.stat().st_size)
        except FileNotFoundError as error:
            raise UserError(f"{error.filename}: not found, expected a TensorFlow checkpoint's file there") from error
        except _Malformed as error:
            raise UserError(f"{self.index_path}: not a readable TensorFlow checkpoint index ({error})") from error

    def __getitem__(self, name: str) -> np.ndarray:
        """The tensor called `name`, a copy in memory.

        Raises:
            UserError: no such tensor, or the data file has become shorter.
        """
        entry = self.entries.get(name)
        if entry is None:
            raise UserError(f"{self.index_path}: holds no tensor {name!r}, only {len(self.entries)} others")
        with self.data_path.open("rb") as file:
            file.seek(entry.offset)
            data = file.read(entry.size)
        if len(data) != entry.size:
            raise UserError(f"{self.data_path}: ends inside tensor {name!r}; install the package again")
        return np.frombuffer(data, entry.dtype).reshape(entry.shape).copy()


def _read_index(table: bytes, data_size: int) -> dict[str, Entry]:
    if len(table) < _FOOTER or int.from_bytes(table[-8:], "little") != _MAGIC:
        raise _Malformed("no table footer")
    footer = table[-_FOOTER:]
    position = 0
    handle = []
    for _ in range(4):  # offset and size of the meta-index block, then of the index block
        number, position = _varint(footer, position)
        handle.append(number)
    entries = {}
    for _, block_handle in _block(table, handle[2], handle[3]):
        offset, position = _varint(block_handle, 0)
        size, _ = _varint(block_handle, position)
        for key, value in _block(table, offset, size):
            if key:
                entries[key.decode("utf-8", "replace")] = _entry(value, data_size)
            else:
                _check_header(value)
    if not entries:
        raise _Malformed("no tensors")
    return entries


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of one table block. Keys share prefixes with the key before them."""
    if size < 4 or offset + size + 5 > len(table):
        raise _Malformed("a block lies outside of the file")
    if table[offset + size] != 0:
        raise _Malformed("a compressed block")
    block = table[offset : offset + size]
    restarts = int.from_bytes(block[-4:], "little")
    end = size - 4 * (restarts + 1)
    position, key = 0, b""
    while position < end:
        shared, position = _varint(block, position)
        unshared, position = _varint(block, position)
        length, position = _varint(block, position)
        if shared > len(key) or position + unshared + length > end:
            raise _Malformed("an entry lies outside of its block")
        key = key[:shared] + block[position : position + unshared]
        position += unshared
        yield key, block[position : position + length]
        position += length


def _check_header(message: bytes) -> None:
    """BundleHeaderProto: num_shards = 1, endianness = 2 (0 is little)."""
    fields = dict(_fields(message))
    if fields.get(1, 1) != 1 or fields.get(2, 0) != 0:
        raise _Malformed("more than one shard, or big-endian")


def _entry(message: bytes, data_size: int) -> Entry:
    """BundleEntryProto: dtype = 1, shape = 2, shard_id = 3, offset = 4, size = 5, slices = 7."""
    fields = dict(_fields(message))
    dtype = _DTYPES.get(_number(fields.get(1, 0)))
    if dtype is None:
        raise _Malformed(f"unknown type number {fields.get(1, 0)!r}")
    shape_message = fields.get(2, b"")
    if 7 in fields or isinstance(shape_message, int):
        raise _Malformed("a partitioned tensor")
    # TensorShapeProto: dim = 2, whose size = 1
    dims = tuple(_number(dict(_fields(dim)).get(1, 0)) for key, dim in _fields(shape_message) if isinstance(dim, bytes))
    offset, size = _number(fields.get(4, 0)), _number(fields.get(5, 0))
    items = 1
    for dim in dims:
        items *= dim
        if items > _MAX_ITEMS:
            raise _Malformed("an impossible shape")
    if size != items * dtype.itemsize or offset + size > data_size:
        raise _Malformed("a tensor lies outside of the data file")
    return Entry(dtype, dims, offset, size)


def _number(value: int | bytes) -> int:
    if not isinstance(value, int):
        raise _Malformed("a message where a number belongs")
    return value


def _fields(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Field numbers and values of a protobuf message: varint and fixed as int, length-delimited as bytes."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire = tag >> 3, tag & 7
        if wire == 0:
            value, position = _varint(message, position)
            yield number, value
            continue
        if wire == 2:
            length, position = _varint(message, position)
        elif wire in (1, 5):
            length = 8 if wire == 1 else 4
        else:
            raise _Malformed(f"protobuf wire type {wire}")
        data = message[position : position + length]
        if len(data) != length:
            raise _Malformed("a truncated protobuf field")
        position += length
        yield number, data if wire == 2 else int.from_bytes(data, "little")


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A base-128 number at `position`, and the position after it."""
    value = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise _Malformed("a number runs past the end")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
    raise _Malformed("a number of more than 10 bytes")

"""TensorFlow's checkpoints ("tensor bundles"), read without TensorFlow: for files whose every byte is known.

The index is an uncompressed LevelDB-style table whose values are `BundleEntryProto` messages (tensorflow/core/protobuf/
tensor_bundle.proto, tensorflow/core/lib/io/format.cc); the data are the tensors' raw little-endian bytes. Nothing is
checked here: whoever reads compares the files' hashes first (`convert.py`).
"""

from collections.abc import Iterator
from typing import Any

import numpy as np

_HANDLES = 48  # bytes before the end of an index, where its footer begins
_FLOAT32 = 1  # of types.proto
_VARINT, _BYTES, _FIXED32 = 0, 2, 5  # protobuf's wire types that occur


def read(index: bytes, data: bytes) -> dict[str, np.ndarray]:
    """The float32 tensors of a checkpoint by variable name: `NAME.index` and `NAME.data-00000-of-00001`."""
    footer = _varints(index[-_HANDLES:], 4)  # offset and size of the meta-index block, then of the index block
    tensors = {}
    for _, handle in _block(index, *footer[2:]):
        for key, message in _block(index, *_varints(handle, 2)):
            entry = dict(_fields(message))
            if key and entry.get(1) == _FLOAT32:
                shape = [dict(_fields(dim)).get(1, 0) for _, dim in _fields(entry.get(2, b""))]
                tensors[key.decode()] = np.frombuffer(data, "<f4", entry[5] // 4, entry.get(4, 0)).reshape(shape)
    return tensors


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table's block. Keys share prefixes with the key before them."""
    block = table[offset : offset + size]
    restarts = int.from_bytes(block[-4:], "little")
    position, key = 0, b""
    while position < size - 4 * (restarts + 1):
        shared, position = _varint(block, position)
        unshared, position = _varint(block, position)
        length, position = _varint(block, position)
        key = key[:shared] + block[position : position + unshared]
        position += unshared + length
        yield key, block[position - length : position]


def _fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and values of a protobuf message: numbers as int, messages as bytes."""
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, position = _varint(message, position)
            yield number, value
            continue
        length, position = (4, position) if wire == _FIXED32 else _varint(message, position)
        yield number, message[position : position + length]
        position += length


def _varints(data: bytes, count: int) -> list[int]:
    numbers, position = [], 0
    for _ in range(count):
        number, position = _varint(data, position)
        numbers.append(number)
    return numbers


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """A base-128 number at `position`, and the position after it."""
    value = shift = 0
    while data[position] >= 0x80:
        value |= (data[position] & 0x7F) << shift
        position, shift = position + 1, shift + 7
    return value | data[position] << shift, position + 1

"""TensorFlow's checkpoints ("tensor bundles"), read without TensorFlow: for files whose every byte is known.

The index is an uncompressed LevelDB-style table whose values are `BundleEntryProto` messages (tensorflow/core/protobuf/
tensor_bundle.proto, tensorflow/core/lib/io/format.cc); the data are the tensors' raw little-endian bytes. Nothing is
checked here: whoever reads compares the files' hashes first (`convert.py`).
"""

from collections.abc import Iterator

import numpy as np

from ..runtime.protobuf import fields, varint

_HANDLES = 48  # bytes before the end of an index, where its footer begins
_FLOAT32 = 1  # of types.proto


def read(index: bytes, data: bytes) -> dict[str, np.ndarray]:
    """The float32 tensors of a checkpoint by variable name: `NAME.index` and `NAME.data-00000-of-00001`."""
    footer = _varints(index[-_HANDLES:], 4)  # offset and size of the meta-index block, then of the index block
    tensors = {}
    for _, handle in _block(index, *footer[2:]):
        for key, message in _block(index, *_varints(handle, 2)):
            entry = dict(fields(message))
            if key and entry.get(1) == _FLOAT32:
                shape = [dict(fields(dim)).get(1, 0) for _, dim in fields(entry.get(2, b""))]
                tensors[key.decode()] = np.frombuffer(data, "<f4", entry[5] // 4, entry.get(4, 0)).reshape(shape)
    return tensors


def _block(table: bytes, offset: int, size: int) -> Iterator[tuple[bytes, bytes]]:
    """Keys and values of a table's block. Keys share prefixes with the key before them."""
    block = table[offset : offset + size]
    restarts = int.from_bytes(block[-4:], "little")
    position, key = 0, b""
    while position < size - 4 * (restarts + 1):
        shared, position = varint(block, position)
        unshared, position = varint(block, position)
        length, position = varint(block, position)
        key = key[:shared] + block[position : position + unshared]
        position += unshared + length
        yield key, block[position - length : position]


def _varints(data: bytes, count: int) -> list[int]:
    numbers, position = [], 0
    for _ in range(count):
        number, position = varint(data, position)
        numbers.append(number)
    return numbers

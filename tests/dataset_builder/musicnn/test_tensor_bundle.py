"""TensorFlow's checkpoint format, on a hand-made file."""

import numpy as np

from dataset_builder.musicnn import tensor_bundle


def varint(number: int) -> bytes:
    out = b""
    while number >= 128:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number: int, value: int | bytes) -> bytes:
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def block(entries: list[tuple[bytes, bytes]]) -> bytes:
    """Keys without shared prefixes, one restart, no compression, no checksum."""
    body = b"".join(varint(0) + varint(len(k)) + varint(len(v)) + k + v for k, v in entries)
    return body + (0).to_bytes(4, "little") + (1).to_bytes(4, "little") + b"\0" + b"\0" * 4


def index_of(entries: list[tuple[bytes, bytes]]) -> bytes:
    """A checkpoint's index."""
    content = block(entries)
    index = block([(b"z", varint(0) + varint(len(content) - 5))])
    handles = varint(0) + varint(0) + varint(len(content)) + varint(len(index) - 5)
    footer = handles.ljust(40, b"\0") + 0xDB4775248B80FB57.to_bytes(8, "little")
    return content + index + footer


def entry(shape: tuple[int, ...], offset: int, size: int, dtype: int = 1) -> bytes:
    dims = b"".join(field(2, field(1, dim)) for dim in shape)
    return field(1, dtype) + field(2, dims) + field(4, offset) + field(5, size) + varint(6 << 3 | 5) + b"\0" * 4


def test_reads_the_floats_of_every_rank():
    matrix, vector, number = np.arange(6, dtype="<f4").reshape(2, 3), np.ones(200, "<f4"), np.array(7, "<f4")
    entries = [
        (b"", field(1, 1)),
        (b"a/kernel", entry((2, 3), 4, 24)),
        (b"count", entry((), 0, 4, dtype=3)),
        (b"step", entry((), 0, 4)),
        (b"wide", entry((200,), 28, 800)),
    ]
    read = tensor_bundle.read(index_of(entries), number.tobytes() + matrix.tobytes() + vector.tobytes())
    assert list(read) == ["a/kernel", "step", "wide"]
    assert np.array_equal(read["a/kernel"], matrix) and np.array_equal(read["wide"], vector) and read["step"] == 7

"""Protobuf's wire format, as far as weights of published networks need it: for messages whose every byte is known.

Nothing is checked here: whoever reads compares the file's hash first.
"""

from collections.abc import Iterator
from typing import Any

_VARINT, _FIXED32 = 0, 5  # wire types that occur, beside bytes of a length that is told


def fields(message: bytes) -> Iterator[tuple[int, Any]]:
    """Field numbers and values of a protobuf message: numbers as int, messages as bytes."""
    position = 0
    while position < len(message):
        tag, position = varint(message, position)
        number, wire = tag >> 3, tag & 7
        if wire == _VARINT:
            value, position = varint(message, position)
            yield number, value
            continue
        length, position = (4, position) if wire == _FIXED32 else varint(message, position)
        yield number, message[position : position + length]
        position += length


def varint(data: bytes, position: int) -> tuple[int, int]:
    """A base-128 number at `position`, and the position after it."""
    value = shift = 0
    while data[position] >= 0x80:
        value |= (data[position] & 0x7F) << shift
        position, shift = position + 1, shift + 7
    return value | data[position] << shift, position + 1

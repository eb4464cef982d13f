"""The note-ons and note-offs of a MIDI file as they stand there, before anybody has paired them.

symusic gives notes, of which it has dropped or joined some where the events do not match; music21 pairs them its own
way. Events are found by following their lengths, which are computed for every byte at once as if an event began there.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import UserError
from ..runtime.untrusted import read_regular
from .midi import LARGEST

_META, _TRACK_END = 0xFF, 0x2F
_PADDING = 12  # bytes after the end, so that a torn event can be looked at
# Bytes from a status on, 0 for those whose length is not fixed; a byte below 0x80 is the first of two under the status
# before. Program change and channel pressure have one, which would hold for what follows them too.
_LENGTHS = np.array([2] * 0x80 + [3] * 0x40 + [0] * 0x20 + [3] * 0x10 + [0] * 0x10, np.uint8)
# Meta events of which music21 makes objects that stand between the notes: names, tempo, metre, key.
_MARKS = np.zeros(256, bool)
_MARKS[[0x03, 0x04, 0x51, 0x58, 0x59]] = True


class MidiEvents(NamedTuple):
    """A file's events, tracks one after the other, in order `[E]` each.

    Attributes:
        quarter: ticks a quarter.
        track: which track chunk.
        tick: time since its start.
        status: the message's, with its channel in the lower half; 255 for meta events.
        first: first data byte, such as the pitch; the type of meta events.
        second: second data byte, such as the velocity.
    """

    quarter: int
    track: np.ndarray
    tick: np.ndarray
    status: np.ndarray
    first: np.ndarray
    second: np.ndarray

    @property
    def is_on(self) -> np.ndarray:
        """Whether a note begins `[E]`."""
        return (self.status & 0xF0 == 0x90) & (self.second > 0)

    @property
    def is_off(self) -> np.ndarray:
        """Whether a note ends `[E]`."""
        return (self.status & 0xF0 == 0x80) | ((self.status & 0xF0 == 0x90) & (self.second == 0))

    @property
    def is_mark(self) -> np.ndarray:
        """Whether music21 makes an object of it that is no note `[E]`."""
        return (self.status & 0xF0 == 0xC0) | ((self.status == _META) & _MARKS[self.first])


def read_events(path: Path) -> MidiEvents:
    """The events of a MIDI file.

    Raises:
        UserError: if it cannot be read, or is not MIDI with ticks a quarter.
    """
    try:
        data = read_regular(path, LARGEST)
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read as MIDI ({error})") from error
    quarter = int.from_bytes(data[12:14], "big")
    if data[:4] != b"MThd" or not 0 < quarter < 0x8000:
        raise UserError(f"{path} cannot be read as MIDI: expected a header with ticks a quarter")
    size, data = len(data), data + bytes(_PADDING)
    padded = np.frombuffer(data, np.uint8)
    steps = _steps(padded).tobytes()
    begins, marked = [], bytearray(len(data))
    chunk = 8 + int.from_bytes(data[4:8], "big")
    while chunk + 8 <= size:
        begin = chunk + 8
        chunk = begin + int.from_bytes(data[chunk + 4 : begin], "big")
        if data[begin - 8 : begin - 4] == b"MTrk":
            begins.append(begin)
            _mark_events(data, steps, begin, min(chunk, size), marked)
    at = np.flatnonzero(np.frombuffer(marked, np.bool_))
    counts = np.diff(np.searchsorted(at, [*begins, len(data)]))
    return _events(quarter, padded, at, counts)


def _steps(data: np.ndarray) -> np.ndarray:
    """The length of the event that would begin at each byte; 0 where it is not fixed."""
    size = len(data) - _PADDING
    goes_on = (data >= 0x80).view(np.uint8)  # of the time before the status
    one, two, three = (goes_on[offset : offset + size] for offset in range(3))
    step = 1 + one * (1 + two * (1 + three))
    body = _LENGTHS[data][np.arange(size) + step]
    return np.append(np.where(body > 0, step + body, np.uint8(0)), np.zeros(_PADDING, np.uint8))


def _mark_events(data: bytes, steps: bytes, at: int, end: int, marked: bytearray) -> None:
    """Mark where the events of a track begin, from its first byte `at` to its `end`."""
    while at < end:
        while step := steps[at]:
            marked[at] = 1
            at += step
        if at >= end:  # the track's end is not marked in the file: these were the next chunk's bytes
            marked[end:] = bytes(len(marked) - end)
            return
        marked[at] = 1
        status_at = _after_number(data, at)
        if data[status_at] >= 0xF0:
            if data[status_at : status_at + 2] == bytes([_META, _TRACK_END]):
                return
            at = _after_variable(data, status_at, end)
            continue
        at = status_at + 2
        while at < end and data[after := _after_number(data, at)] < 0x80:  # more under the same status, a byte each
            marked[at] = 1
            at = after + 1


def _after_number(data: bytes, at: int) -> int:
    """Where a number of variable length ends, at most four bytes on."""
    for offset in range(at, min(at + 4, len(data))):
        if data[offset] < 0x80:
            return offset + 1
    return min(at + 4, len(data))


def _after_variable(data: bytes, status_at: int, end: int) -> int:
    """Where a meta event or a system exclusive message ends."""
    length_at = status_at + (2 if data[status_at] == _META else 1)
    after = _after_number(data, length_at)
    if after >= end:
        return end
    length = 0
    for byte in data[length_at:after]:
        length = length << 7 | byte & 0x7F
    return after + length


def _events(quarter: int, data: np.ndarray, at: np.ndarray, counts: np.ndarray) -> MidiEvents:
    """The events that begin at `at` `[E]`, of which each track has a count `[C]`."""
    delta, goes_on, status_at = np.zeros(len(at), np.int64), np.ones(len(at), bool), at.copy()
    while goes_on.any():
        byte = data[status_at].astype(np.int64)
        delta = np.where(goes_on, delta << 7 | byte & 0x7F, delta)
        status_at += goes_on
        goes_on &= (byte >= 0x80) & (status_at < at + 4)
    ticks = np.cumsum(delta)
    track = np.repeat(np.arange(len(counts)), counts)
    firsts = np.cumsum(counts) - counts
    before = np.append(0, ticks)[firsts]
    status = data[status_at]
    stated = status >= 0x80
    last = np.maximum.accumulate(np.where(stated & (status < 0xF0), np.arange(len(at)), 0))
    first_at = status_at + stated
    return MidiEvents(
        quarter, track, ticks - before[track], np.where(stated, status, status[last]), data[first_at],
        data[first_at + 1],
    )  # fmt: skip

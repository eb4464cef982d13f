"""Times of a recording as people write them: `0:30`, `1:02.5`, `1:00:00`, `90` or `90 s`."""

import argparse
import re
from collections.abc import Callable

_CLOCK = re.compile(r"(?:(?:(\d{1,3}):(?=\d\d:))?(\d{1,4}):(?=\d\d))?(\d{1,9}(?:\.\d{1,9})?)", re.ASCII)
_UNIT = re.compile(r"(?<=\d) ?(?:s|sec|seconds)$")


def seconds_of(text: str) -> float:
    """The seconds that a time stands for.

    Raises:
        ValueError: if it is none.
    """
    written = text.strip().lower()
    plain = written if ":" in written else _UNIT.sub("", written, count=1)
    found = _CLOCK.fullmatch(plain)
    if not found:
        raise ValueError(f"{text!r:.40} is no time: expected such as 0:30, 1:02.5, 90 or 90 s")
    hours, minutes, seconds = (float(part or 0) for part in found.groups())
    if (found[2] and seconds >= 60) or (found[1] and minutes >= 60):
        raise ValueError(f"{text!r:.40} is no time: after a colon at most 59 is expected")
    return hours * 3600 + minutes * 60 + seconds


def clock(seconds: float) -> str:
    """A time as it is printed, to a tenth: `0:30`, `1:02.5`, `1:00:00`."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    second = f"{rest // 10:02d}" + (f".{rest % 10}" if rest % 10 else "")
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second}" if hours else f"{minutes}:{second}"


def time_between(least: float, most: float) -> Callable[[str], float]:
    """An option's type: a time in seconds within these bounds."""

    def time(text: str) -> float:
        try:
            seconds = seconds_of(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error
        if not least <= seconds <= most:
            raise argparse.ArgumentTypeError(f"{text} is not between {clock(least)} and {clock(most)}")
        return seconds

    return time

"""Times are read as people write them, and printed so."""

import argparse

import pytest

from dataset_builder.audio.times import clock, seconds_of, time_between


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0:30", 30), ("1:02.5", 62.5), ("90", 90), ("90 s", 90), ("90s", 90), ("1:00:00", 3600), (" 2.5 sec ", 2.5),
     ("90:00", 5400), ("0:05", 5), ("0", 0)],
)  # fmt: skip
def test_times(text: str, seconds: float) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize(
    "text", ["", "x", "-1", "1:60", "1:2", "1:60:00", "nan", "inf", "1e3", "1:02 s", "1:::2", ":30", "٣", "1" * 30]
)
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        seconds_of(text)


@pytest.mark.parametrize(("seconds", "text"), [(30, "0:30"), (62.5, "1:02.5"), (3600, "1:00:00"), (59.96, "1:00")])
def test_a_time_is_printed_as_it_is_read(seconds: float, text: str) -> None:
    assert clock(seconds) == text
    assert seconds_of(text) == pytest.approx(seconds, abs=0.05)


def test_an_option_says_its_bounds() -> None:
    assert time_between(1, 3600)("1:00") == 60
    for text, line in (("0:00", "is not between 0:01 and 1:00:00"), ("soon", "is no time")):
        with pytest.raises(argparse.ArgumentTypeError, match=line):
            time_between(1, 3600)(text)

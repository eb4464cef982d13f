"""Only regular files are read, and no further than they may be long: nothing hangs, and nothing takes all memory."""

import gzip
import os
from pathlib import Path

import pytest

from dataset_builder.runtime.checksums import digest_if_there, digest_of
from dataset_builder.runtime.untrusted import parse_json, read_regular, unzipped_lines


def test_what_is_read_is_what_was_written(tmp_path: Path) -> None:
    path = tmp_path / "x"
    for data in (b"", b"x", b"x" * 1000):
        path.write_bytes(data)
        assert read_regular(path, 1000) == data
    path.write_bytes(b"x" * 1001)
    with pytest.raises(ValueError, match="it has 1001 bytes, expected at most 1000"):
        read_regular(path, 1000)
    (tmp_path / "link").symlink_to(path)
    assert len(read_regular(tmp_path / "link", 1001)) == 1001
    with pytest.raises(OSError, match="symbolic links"):
        read_regular(tmp_path / "link", 1001, follow=False)


def test_pipes_devices_and_folders_are_refused_without_reading(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(ValueError, match="it is no regular file"):
            read_regular(path, 1000)
        with pytest.raises(ValueError, match="it is no regular file"):
            digest_of(path)
        assert digest_if_there(path) == "none"
    assert digest_if_there(tmp_path / "nothing") is None


def test_lines_are_unzipped_as_far_as_they_may_go(tmp_path: Path) -> None:
    path = tmp_path / "x.gz"
    path.write_bytes(gzip.compress(b"ab\ncd\n" * 10))
    assert list(unzipped_lines(path, 60, 3, 20)) == [b"ab\n", b"cd\n"] * 10
    for most, longest, count in ((59, 3, 20), (60, 2, 20), (60, 3, 19)):
        with pytest.raises(ValueError, match="it holds more than"):
            list(unzipped_lines(path, most, longest, count))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(ValueError, match="it is not whole"):
        list(unzipped_lines(path, 60, 3, 20))


@pytest.mark.parametrize(
    "data", [b"[" * 100_000, b"[" * 99 + b"]" * 99, b"NaN", b"[Infinity]", b"\xff", b"", b"9" * 5000]
)
def test_what_is_no_plain_json_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse_json(data)

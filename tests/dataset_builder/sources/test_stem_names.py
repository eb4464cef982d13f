"""Own stems with names and descriptions that nobody would choose: each is told in one line."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from dataset_builder.__main__ import main
from dataset_builder.errors import UserError
from dataset_builder.sources.registry import READERS


@pytest.fixture
def own(tiny_slakh: Path, tmp_path: Path) -> Path:
    """A folder of one track of own stems."""
    for stem, name in {"S00": "violin", "S01": "cello"}.items():
        (tmp_path / "own/song").mkdir(parents=True, exist_ok=True)
        shutil.copy(tiny_slakh / f"train/Track00001/stems/{stem}.flac", tmp_path / f"own/song/{name}.flac")
    return tmp_path / "own"


@pytest.mark.parametrize("name", [b"so\xffng", b"so\nng", b"x" * 200, "é".encode() * 90])
def test_a_track_of_which_no_file_can_be_named_is_one_line(
    own: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: bytes
) -> None:
    (own / "song").rename(own / os.fsdecode(name))
    of = ["--source", "stems"]
    for command in (["build", "--out", str(tmp_path / "out"), "--root"], ["plan", "--root"], ["audit"]):
        assert main([*command, str(own), *of]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: a track is called") and "rename its folder" in error


@pytest.mark.parametrize("name", [b"viol\xffin", b"vio\nlin", b"v" * 120, b"cello "])
def test_a_stem_of_which_no_file_can_be_named_is_one_line(own: Path, name: bytes) -> None:
    (own / "song/violin.flac").rename(own / "song" / os.fsdecode(name + b".flac"))
    with pytest.raises(UserError, match=r"song: (a file is called|the stem v|two stems are called)") as caught:
        READERS["stems"].read_track(own / "song", "train")
    json.dumps(str(caught.value), ensure_ascii=False).encode()


@pytest.mark.parametrize("make", [os.mkfifo, Path.mkdir, lambda path: path.write_text("a: &a {b: *a}")])
def test_a_nasty_description_is_one_line(own: Path, make: Callable[[Path], object]) -> None:
    make(own / "song/track.yaml")
    with pytest.raises(UserError, match=r"track\.yaml is not a track's description"):
        READERS["stems"].find_tracks(own)

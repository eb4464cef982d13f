"""What models elsewhere would take is told before anything is built or sent."""

from collections.abc import Callable
from pathlib import Path

import pytest
from support.chat_server import ChatServer

from dataset_builder.__main__ import main


def arguments(source: Path, out: Path, server: ChatServer, *more: str) -> list[str]:
    return ["build", "--source", "slakh", "--root", str(source), "--out", str(out), "--workers", "1",
            "--captions", "chat", "--caption-url", server.url, "--caption-model", "omni",
            "--caption-concurrency", "4", "--submixes", "0", *more]  # fmt: skip


def test_an_estimate_of_the_corpus_wants_it_rendered(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], write_track: Callable[..., Path]
) -> None:
    build = ["build", "--source", "nano", "--out", str(tmp_path), "--descriptions", "chat", "--estimate"]
    assert main(build) == 2 and "rendered by the build" in capsys.readouterr().err
    write_track(tmp_path / "slakh" / "train" / "Track00001", 80.0, {0: 40})
    assert main(build) == 0 and "2 items at most" in capsys.readouterr().out


@pytest.mark.parametrize("priced", [True, False])
def test_an_estimate_sends_nothing(
    server: ChatServer, tiny_slakh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], priced: bool
) -> None:
    more = ["--descriptions", "chat", "--estimate", *(["--caption-price", "2,10"] if priced else [])]
    assert main(arguments(tiny_slakh, tmp_path / "out", server, *more)) == 0
    said = capsys.readouterr().out
    assert "3 windows of 30 s" in said and "captions of 135 words" in said
    assert "captions by omni: " in said and "descriptions by gpt-4o: " in said and "nothing was sent" in said
    assert said.count("at most $") == (2 if priced else 1) and said.count("by the batch") == 1
    assert ("--caption-price" in said) is not priced and said.count("prices of 20") == 1
    assert not server.asked and not (tmp_path / "out").exists()

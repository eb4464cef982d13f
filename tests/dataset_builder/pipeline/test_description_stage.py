"""Descriptions of a data set by a language model: built, asked for again, estimated, and by the batch."""

import json
import shutil
from pathlib import Path

import pytest
from support.chat_server import GOOD, ChatServer, kill_when_asked, started

from dataset_builder.__main__ import main
from dataset_builder.dataset import manifest
from dataset_builder.dataset.costs import total_cost
from dataset_builder.items.track_results import TrackResults
from dataset_builder.llm.ask_all import ask_all
from dataset_builder.llm.batch_api import BatchClient
from dataset_builder.llm.dialogue import pending
from dataset_builder.llm.settings import ChatSettings
from dataset_builder.pipeline.description_stage import describe_tracks, questions_of

pytestmark = pytest.mark.usefixtures("answers")
TRACKS = ["Track00001", "Track00002", "Track00003"]


@pytest.fixture
def data(tiny_data: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_data, tmp_path / "data"))


def descriptions(root: Path) -> set[str | None]:
    return {item.description for split in manifest.SPLITS for item in manifest.load(root, split)}


def build_arguments(tiny_slakh: Path, out: Path, server: ChatServer) -> list[str]:
    return ["build", "--source", "slakh", "--root", str(tiny_slakh), "--out", str(out), "--captions", "none",
            "--workers", "1", "--descriptions", "chat", "--url", server.url]  # fmt: skip


def test_a_build_with_descriptions_by_a_model(
    server: ChatServer, tiny_slakh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert main(build_arguments(tiny_slakh, out, server)) == 0
    assert descriptions(out) == {GOOD} and main(["check", str(out)]) == 0
    calls = len(server.asked)
    assert 0 < calls < 20  # items of a track that are known by the same facts are asked about once
    assert main(build_arguments(tiny_slakh, out, server)) == 0 and len(server.asked) == calls
    assert total_cost(out).calls == calls and total_cost(out).dollars == pytest.approx(calls * 350e-6)
    assert main([*build_arguments(tiny_slakh, out, server), "--model", "other"]) == 2  # another data set
    assert not any("sk-secret" in path.read_text(errors="ignore") for path in tmp_path.rglob("*") if path.is_file())


def test_what_fails_is_listed_and_the_next_run_asks_for_it(
    server: ChatServer, tiny_slakh: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    server.replies = ["I'm sorry, no."]
    assert main(build_arguments(tiny_slakh, out, server)) == 0
    assert "no description" in capsys.readouterr().out and None in descriptions(out)
    assert "the model refuses" in (out / "left_out.jsonl").read_text()
    assert main(build_arguments(tiny_slakh, out, server)) == 0
    assert descriptions(out) == {GOOD} and "refuses" not in (out / "left_out.jsonl").read_text()


def test_a_refusal_is_asked_again_even_after_a_kill(server: ChatServer, data: Path) -> None:
    """The answer was kept, and the run that was to forget it was not there to do so."""
    server.replies = [("refusal",)]
    describe = ["describe", str(data), "--url", server.url, "--workers", "1", "--concurrency", "1"]
    settings = ChatSettings(base_url=server.url)
    ask_all(questions_of(TrackResults(data), TRACKS)[:1], settings)
    assert main(describe) == 0 and descriptions(data) == {GOOD}


def test_a_finished_set_is_described_again(server: ChatServer, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = descriptions(data)
    assert main(["describe", str(data), "--estimate"]) == 0
    assert "calls, about" in capsys.readouterr().out and server.asked == [] and descriptions(data) == before
    assert main(["describe", str(data), "--url", server.url, "--workers", "1"]) == 0
    assert descriptions(data) == {GOOD} and main(["check", str(data)]) == 0
    assert json.loads((data / "dataset.json").read_text())["settings"]["descriptions"] == "chat"


def test_a_budget_stops_and_more_money_goes_on(server: ChatServer, data: Path) -> None:
    arguments = ["describe", str(data), "--url", server.url, "--workers", "1", "--concurrency", "1"]
    assert main([*arguments, "--budget", "0.0018"]) == 0
    assert None in descriptions(data) and GOOD in descriptions(data)
    assert main(arguments) == 0 and descriptions(data) == {GOOD}


def test_a_kill_while_descriptions_are_written_mixes_no_two_describers(
    server: ChatServer, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe = ["describe", str(data), "--url", server.url, "--workers", "1"]
    with monkeypatch.context() as patch:
        patch.setattr(TrackResults, "update", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        assert main(describe) == 130
    settings = json.loads((data / "dataset.json").read_text())["settings"]
    assert settings["descriptions"] == "chat", "a build by the template would go on with what it finds"
    asked = len(server.asked)
    assert main(describe) == 0 and descriptions(data) == {GOOD} and len(server.asked) == asked


def test_by_the_batch(server: ChatServer, data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["describe", str(data), "--url", server.url, "--workers", "1", "--batch"]
    before = descriptions(data)
    assert main([*arguments, "submit"]) == 0 and "submitted batch" in capsys.readouterr().out
    assert main([*arguments, "poll"]) == 0 and "in_progress" in capsys.readouterr().out
    assert main([*arguments, "collect"]) == 0 and descriptions(data) == before
    assert main(arguments[:-1]) == 2, "answers that are on their way would be paid for twice"
    assert "collect it" in capsys.readouterr().err.splitlines()[-1] and descriptions(data) == before
    server.run_batch("batch-0")
    assert main([*arguments, "collect"]) == 0
    assert descriptions(data) == {GOOD} and server.asked == [] and main(["check", str(data)]) == 0
    assert main([*arguments, "submit"]) == 0 and "nothing to submit" in capsys.readouterr().out


def test_what_a_batch_is_to_answer_is_not_asked(server: ChatServer, data: Path, tmp_path: Path) -> None:
    settings = ChatSettings(base_url=server.url, cache=tmp_path / "answers")
    questions = questions_of(TrackResults(data), TRACKS)
    BatchClient(data, settings).submit(pending(questions[:2], settings))
    described = describe_tracks(TrackResults(data), TRACKS, settings)
    assert len(server.asked) == len(questions) - 2 > 0 and described.missing > 0
    server.run_batch("batch-0")
    BatchClient(data, settings).collect()
    assert describe_tracks(TrackResults(data), TRACKS, settings).missing == 0
    assert len(server.asked) == len(questions) - 2


@pytest.mark.parametrize(
    "arguments", [["/nowhere"], ["DATA", "--price", "x"], ["DATA", "--concurrency", "0"], ["DATA"]]
)
def test_mistakes_are_one_line(
    server: ChatServer, data: Path, arguments: list[str], capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.delenv("OPENAI_API_KEY")
    assert main(["describe", *(word.replace("DATA", str(data)) for word in arguments)]) == 2
    assert capsys.readouterr().err.splitlines()[-1].startswith("error: ")


@pytest.mark.slow
def test_a_kill_repeats_only_what_was_in_flight(server: ChatServer, data: Path, tmp_path: Path) -> None:
    """Killed with -9 while requests hang, one for each place; every answer that arrived was kept and written down."""
    server.replies = [GOOD, GOOD, ("hang",), ("hang",)]
    words = ["describe", str(data), "--url", server.url, "--concurrency", "2", "--workers", "1"]
    kill_when_asked(server, started(words, tmp_path / "cache"), 4)
    assert total_cost(data).calls == 2
    before = [json.dumps(body) for body in server.asked]
    assert started(words, tmp_path / "cache").wait() == 0
    assert {json.dumps(body) for body in server.asked[4:]} & set(before) == set(before[2:])
    assert descriptions(data) == {GOOD} and total_cost(data).calls == len(server.asked) - 2

"""The Batch API against a server on loopback that has files and batches."""

from pathlib import Path

import pytest
from openai.resources import Files
from support.chat_server import GOOD, ChatServer

from dataset_builder.dataset.costs import total_cost
from dataset_builder.errors import UserError
from dataset_builder.llm import batch_files
from dataset_builder.llm.answer_cache import Answer, AnswerStore
from dataset_builder.llm.ask_all import ask_all
from dataset_builder.llm.batch_api import LABEL, BatchClient, dollars_at_most, under_way
from dataset_builder.llm.dialogue import forget_failures, pending, settled
from dataset_builder.llm.prices import PRICES
from dataset_builder.llm.settings import ChatSettings

QUESTIONS = [f"question {number}" for number in range(5)]


@pytest.fixture
def settings(server: ChatServer, tmp_path: Path) -> ChatSettings:
    return ChatSettings(base_url=server.url, cache=tmp_path / "answers", attempts=1, timeout=5.0)


def client(tmp_path: Path, settings: ChatSettings) -> BatchClient:
    """As another process on another day would open it."""
    return BatchClient(tmp_path / "data", settings)


def test_submitted_today_collected_tomorrow(server: ChatServer, settings: ChatSettings, tmp_path: Path) -> None:
    (state,) = client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    assert (state.status, state.total, state.done) == ("in_progress", 5, 0)
    assert client(tmp_path, settings).submit(pending(QUESTIONS, settings)) == []  # under way: not submitted twice
    assert client(tmp_path, settings).collect().answers == 0  # not over yet
    server.run_batch(state.id)
    collected = client(tmp_path, settings).collect()
    assert collected.answers == 5 and not collected.failures
    assert collected.cost.dollars == pytest.approx(5 * 0.5 * (100 * 2.5e-6 + 10 * 10e-6))
    assert {outcome.description for outcome in settled(QUESTIONS, settings).values()} == {GOOD}
    assert pending(QUESTIONS, settings) == {} and len(server.batches) == 1 and server.asked == []
    assert client(tmp_path, settings).collect().answers == 0
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept and not any("sk-secret" in path.read_text() for path in kept)


def test_a_batch_that_was_not_noted_is_found_again(server: ChatServer, settings: ChatSettings, tmp_path: Path) -> None:
    (state,) = client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    server.batches["another"] = {**server.batches[state.id], "id": "another", "metadata": {LABEL: "other"}}
    (tmp_path / "data/batches" / f"{state.name}.json").unlink()  # killed between sending and noting
    assert [found.id for found in client(tmp_path, settings).states()] == [state.id]
    assert client(tmp_path, settings).submit(pending(QUESTIONS, settings)) == []
    server.run_batch(state.id)
    assert client(tmp_path, settings).collect().answers == 5


def test_a_kill_before_sending_submits_it_once(
    server: ChatServer, settings: ChatSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Files, "create", lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    assert client(tmp_path, settings).states()[0].status == "not submitted"
    assert len(client(tmp_path, settings).submit(pending(QUESTIONS, settings))) == 1 and len(server.batches) == 1


def test_what_failed_is_listed_and_submitted_again(server: ChatServer, settings: ChatSettings, tmp_path: Path) -> None:
    (state,) = client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    server.run_batch(state.id, fail=5)
    collected = client(tmp_path, settings).collect()
    assert collected.answers == 0 and len(collected.failures) == 6 and "5 unanswered" in collected.failures[-1]
    (again,) = client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    assert again.id != state.id and again.total == 5
    server.run_batch(again.id)
    assert client(tmp_path, settings).collect().answers == 5


def test_an_expired_batch_keeps_what_was_answered(server: ChatServer, settings: ChatSettings, tmp_path: Path) -> None:
    (state,) = client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    server.run_batch(state.id, fail=2, status="expired")
    assert client(tmp_path, settings).collect().answers == 3
    assert len(pending(QUESTIONS, settings)) == 2


def test_an_answer_with_instruments_goes_into_another_batch(
    server: ChatServer, settings: ChatSettings, tmp_path: Path
) -> None:
    (state,) = client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    server.replies = ["A piano piece."]
    server.run_batch(state.id)
    client(tmp_path, settings).collect()
    assert len(settled(QUESTIONS, settings)) == 4
    (again,) = client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    assert again.total == 1 and "piano" in server.files[server.batches[again.id]["input_file_id"]]


def test_a_refusal_goes_into_another_batch(server: ChatServer, settings: ChatSettings, tmp_path: Path) -> None:
    (state,) = client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    server.replies = ["I'm sorry, I can't."]
    server.run_batch(state.id)
    client(tmp_path, settings).collect()
    assert sum("refuses" in outcome.reason for outcome in settled(QUESTIONS, settings).values()) == 1
    assert len(pending(QUESTIONS, settings)) == 1, "an estimate counts it"
    forget_failures(QUESTIONS, settings)
    (again,) = client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    server.run_batch(again.id)
    assert client(tmp_path, settings).collect().answers == again.total == 1
    assert {outcome.description for outcome in settled(QUESTIONS, settings).values()} == {GOOD}


def test_lines_that_are_no_answers_are_listed(server: ChatServer, settings: ChatSettings, tmp_path: Path) -> None:
    (state,) = client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    server.run_batch(state.id)
    lines = server.files["out-" + state.id].splitlines()
    broken = [lines[0][:40], "[]", '{"custom_id": "never asked", "response": {"status_code": 200}}', *lines[3:]]
    server.files["out-" + state.id] = "\n".join(broken)
    collected = client(tmp_path, settings).collect()
    assert collected.answers == 2 and len(collected.failures) == 4


def test_a_batch_of_another_server_is_none_of_this_ones(
    server: ChatServer, settings: ChatSettings, tmp_path: Path
) -> None:
    client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    elsewhere = ChatSettings(**{**vars(settings), "base_url": "http://127.0.0.1:1/v1"})
    assert under_way(tmp_path / "data", elsewhere) == {}, "it was asked, though it is not there"


@pytest.mark.parametrize(
    ("trouble", "words"), [(401, "refuses CHAT_API_KEY"), (429, "failed .*: run it again"), (500, "failed")]
)
def test_a_server_in_trouble_is_one_line_and_nothing_is_sent_twice(
    server: ChatServer, settings: ChatSettings, tmp_path: Path, trouble: int, words: str
) -> None:
    server.troubles = [trouble]
    with pytest.raises(UserError, match=words) as caught:
        client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    assert "sk-secret" not in str(caught.value) and not server.batches
    assert len(client(tmp_path, settings).submit(pending(QUESTIONS, settings))) == 1
    assert client(tmp_path, settings).submit(pending(QUESTIONS, settings)) == [] and len(server.batches) == 1


def test_large_sets_are_split(
    server: ChatServer, settings: ChatSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_files, "MOST_REQUESTS", 2)
    states = client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    assert [state.total for state in states] == [2, 2, 1]


def test_the_budget_is_asked_before_anything_is_sent(
    server: ChatServer, settings: ChatSettings, tmp_path: Path
) -> None:
    poor = ChatSettings(**{**vars(settings), "budget": 1e-6})
    with pytest.raises(UserError, match="the budget is"):
        client(tmp_path, poor).submit(pending(QUESTIONS, poor))
    assert server.files == {} and client(tmp_path, settings).states() == []


def test_what_is_under_way_counts_against_the_budget(
    server: ChatServer, settings: ChatSettings, tmp_path: Path
) -> None:
    """Of another submit, and of requests that are answered at once."""
    first = pending(QUESTIONS, settings)
    most = 0.5 * sum(PRICES["gpt-4o"].most(messages) for messages in first.values())
    limited = ChatSettings(**{**vars(settings), "budget": 1.5 * most})
    client(tmp_path, limited).submit(first)
    promised = dollars_at_most(under_way(tmp_path / "data", limited), limited)
    assert promised == pytest.approx(most)
    with pytest.raises(UserError, match=r"beside .* for what is under way"):
        client(tmp_path, limited).submit(pending([f"other {question}" for question in QUESTIONS], settings))
    asked = ask_all([f"more {n}" for n in range(9)], limited, spent=promised)
    assert asked.stopped and asked.cost.dollars is not None and asked.cost.dollars + most <= 1.5 * most
    server.run_batch("batch-0")
    assert under_way(tmp_path / "data", limited), "what is not collected is not in the ledger yet"
    assert client(tmp_path, limited).collect().answers == 5
    assert under_way(tmp_path / "data", limited) == {}


def test_collecting_that_is_killed_loses_no_cost(
    server: ChatServer, settings: ChatSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (state,) = client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    server.run_batch(state.id)
    put, done = AnswerStore.put, []

    def killed(self: AnswerStore, name: str, answer: Answer) -> None:
        put(self, name, answer)
        done.append(name)
        if len(done) == 3:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(AnswerStore, "put", killed)
        with pytest.raises(KeyboardInterrupt):
            client(tmp_path, settings).collect()
    assert total_cost(tmp_path / "data").calls == 3
    assert client(tmp_path, settings).collect().answers == 2
    total = total_cost(tmp_path / "data")
    assert total.calls == 5 and total.dollars == pytest.approx(5 * 0.5 * (100 * 2.5e-6 + 10 * 10e-6))


@pytest.mark.parametrize(
    "change",
    [{"status": 7}, {"status": "done\nand gone"}, {"request_counts": 7}, {"request_counts": {"completed": "x"}},
     {"output_file_id": 9}, {"output_file_id": ".."}, {"output_file_id": "a\nb"}, {"id": None}],
    ids=str,
)  # fmt: skip
def test_what_is_no_batch_is_one_line(
    server: ChatServer, settings: ChatSettings, tmp_path: Path, change: dict[str, object]
) -> None:
    (state,) = client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    server.run_batch(state.id)
    server.batches[state.id] |= change
    for action in (BatchClient.states, BatchClient.collect):
        with pytest.raises(UserError, match=r"^the batch at .* failed \(\w+(: .*)?\): run it again$"):
            action(client(tmp_path, settings))
    assert client(tmp_path, settings).files.names(), "it can be collected when the server has come to itself"


@pytest.mark.parametrize("name", ["batch 1/of ä?x#y", "../../victim", "%2e%2e", "b" * 190])
def test_a_batch_of_any_name_is_collected(
    server: ChatServer, settings: ChatSettings, tmp_path: Path, name: str
) -> None:
    """What was paid for is not lost because a server names its batches as no other does."""
    server.name_next_batch = name
    (state,) = client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    assert state.id == name
    server.run_batch(name)
    assert client(tmp_path, settings).collect().answers == 5


@pytest.mark.parametrize("ending", ["json", "jsonl"])
@pytest.mark.parametrize(
    "content",
    ["[]", "1", "{}", "[" * 100_000, "\udcff", '{"id": "..", "url": "y"}', '{"id": 1, "url": "y"}',
     '{"custom_id": "a", "body": {"messages": "x"}}', '{"custom_id": "a", "body": {"messages": [{"role": "user"}]}}'],
    ids=lambda text: text[:50],
)  # fmt: skip
def test_files_of_a_batch_that_nobody_here_wrote_are_one_line(
    server: ChatServer, settings: ChatSettings, tmp_path: Path, ending: str, content: str
) -> None:
    """They come with a data set of somebody else's."""
    (state,) = client(tmp_path, settings).submit(pending(QUESTIONS, settings))
    path = tmp_path / "data/batches" / f"{state.name}.{ending}"
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(UserError, match=r"batches/\w+\.jsonl? is torn \(.*\): remove it, and submit again") as caught:
        client(tmp_path, settings).collect()
    assert "\n" not in str(caught.value)

"""Questions to a real HTTP server on loopback: what is kept, asked again, given up and paid for, within limits."""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import openai
import pytest
from support.chat_server import GOOD, ChatServer, completion

from dataset_builder.errors import UserError
from dataset_builder.items.facts import Facts
from dataset_builder.llm import client, failures
from dataset_builder.llm.answer_cache import Answer, AnswerStore, request_id
from dataset_builder.llm.ask_all import ChatRun, ask_all
from dataset_builder.llm.batch_api import BatchClient
from dataset_builder.llm.description_prompt import first_request
from dataset_builder.llm.prices import PRICES, price_of
from dataset_builder.llm.settings import ChatSettings, connect

FACTS = Facts("Track00001-mix", "A calm piano piece.", None, 79.6, "E- major")


@pytest.fixture
def settings(server: ChatServer, tmp_path: Path) -> ChatSettings:
    return ChatSettings(base_url=server.url, cache=tmp_path / "answers", backoff=0.001, attempts=3, timeout=5.0)


def test_a_flood_of_words_is_asked_for_again_then_cut(server: ChatServer, settings: ChatSettings) -> None:
    flood = "It is calm. " + "It goes on and on. " * 1000
    server.replies = [flood, flood]
    asked = ask_all(["q"], settings).outcomes["q"]
    assert asked.description and 1 <= len(asked.description.split()) <= 60
    assert len(server.asked[1]["messages"][1]["content"].split()) < 200
    server.replies = ["on " * 5000] * 2
    assert "no sentence" in ask_all(["other"], settings).outcomes["other"].reason


@pytest.mark.parametrize(
    "reply",
    [(429, {"Retry-After": "0"}), (429, {}), (500, {}), ("cut",), ("no json",), None, ("hang",)],
    ids=lambda reply: str(reply),
)
def test_what_may_pass_is_tried_again(server: ChatServer, settings: ChatSettings, reply: object) -> None:
    server.replies = [reply]
    timeout = 0.2 if reply == ("hang",) else 5.0
    assert ask_all(["q"], replace(settings, timeout=timeout)).outcomes["q"].description == GOOD
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("reply", "reason"),
    [((429, {}), "status 429"), ((500, {}), "status 500"), (("cut",), "connection failed"),
     (("no json",), "no chat completion|no JSON"), (None, "empty"), (("hang",), "no answer in time"),
     ((400, {}), "status 400")],
)  # fmt: skip
def test_what_does_not_pass_is_a_reason_and_the_next_run_asks_again(
    server: ChatServer, settings: ChatSettings, reply: object, reason: str
) -> None:
    server.replies = [reply] * (1 if reply == (400, {}) else 3)
    timeout = 0.1 if reply == ("hang",) else 5.0
    outcomes = ask_all(["q"], replace(settings, timeout=timeout)).outcomes
    assert outcomes["q"].description is None and re.search(reason, outcomes["q"].reason)
    assert ask_all(["q"], settings).outcomes["q"].description == GOOD


def test_a_refusal_is_a_reason(server: ChatServer, settings: ChatSettings) -> None:
    server.replies = [("refusal",), "I'm sorry, I can't describe that."]
    asked = ask_all(["a", "b"], settings)
    assert all(outcome.description is None and "refuses" in outcome.reason for outcome in asked.outcomes.values())


@pytest.mark.parametrize(
    ("reply", "message"),
    [((401, {}), "refuses CHAT_API_KEY"), ((403, {}), "refuses CHAT_API_KEY"),
     ((404, {}), "does not know 'gpt-4o'"), ((429, {"quota": "1"}), "quota .* is used up")],
)  # fmt: skip
def test_what_is_hopeless_stops_at_once(
    server: ChatServer, settings: ChatSettings, reply: object, message: str
) -> None:
    server.replies = [GOOD, *[reply] * 99]
    with pytest.raises(UserError, match=message) as caught:
        ask_all([f"question {n}" for n in range(50)], replace(settings, concurrency=1))
    assert "sk-secret" not in str(caught.value) and "\n" not in str(caught.value)
    assert len(server.asked) == 2  # the first was answered, and its answer is kept
    server.replies = []
    assert len(ask_all([f"question {n}" for n in range(50)], settings).outcomes) == 50
    assert len(server.asked) == 2 + 49


def test_requests_go_out_together_up_to_the_limit(server: ChatServer, settings: ChatSettings) -> None:
    server.barrier = threading.Barrier(4)  # nobody is answered before four have asked
    asked = ask_all([f"question {n}" for n in range(12)], replace(settings, concurrency=4))
    assert len(asked.outcomes) == 12 and server.most_at_once == 4


def test_jobs_are_taken_only_when_there_is_somebody_for_them() -> None:
    """So that a data set of any size takes no more memory than is at work."""
    begun: list[int] = []
    finished: list[int] = []

    def jobs() -> Iterator[int]:
        for number in range(1000):
            begun.append(number)
            yield number

    async def work(number: int) -> None:
        assert len(begun) - len(finished) <= 4
        await asyncio.sleep(0)
        finished.append(number)

    asyncio.run(client.each(jobs(), 4, work))
    assert sorted(finished) == list(range(1000))


def test_the_same_question_is_asked_once(server: ChatServer, settings: ChatSettings) -> None:
    assert set(ask_all(["q", "q", "q"], settings).outcomes) == {"q"} and len(server.asked) == 1


def test_a_kill_repeats_no_answer_that_arrived(server: ChatServer, settings: ChatSettings) -> None:
    server.replies = ["A piano piece.", (500, {}), (500, {}), (500, {})]
    assert ask_all(["q"], settings).outcomes["q"].description is None  # the second request of its conversation failed
    assert ask_all(["q"], settings).outcomes["q"].description == GOOD
    first = [body for body in server.asked if len(body["messages"]) == 1]
    assert len(first) == 1


def test_a_torn_answer_is_asked_for_again(server: ChatServer, settings: ChatSettings) -> None:
    assert ask_all(["q"], settings).outcomes["q"].description == GOOD
    (path,) = (settings.cache or Path()).rglob("*.json")
    path.write_text('{"text": "A ca')
    assert ask_all(["q"], settings).outcomes["q"].description == GOOD and len(server.asked) == 2


def test_retry_after_is_seconds_or_a_date() -> None:
    class Error:
        def __init__(self, told: str):
            self.response = type("Response", (), {"headers": {"Retry-After": told}})

    assert failures.retry_after(Error("2.5")) == 2.5  # type: ignore[arg-type]
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert 25 < (failures.retry_after(Error(later)) or 0) <= 30  # type: ignore[arg-type]
    assert failures.retry_after(Error("soon")) is None  # type: ignore[arg-type]


def test_the_budget_is_never_passed(server: ChatServer, settings: ChatSettings) -> None:
    questions = [f"question {n:02d}" for n in range(40)]
    most = PRICES["gpt-4o"].most(first_request(questions[0]))
    asked = ask_all(questions, replace(settings, budget=5 * most, concurrency=8))
    assert "budget" in asked.stopped and 0 < len(asked.outcomes) < 40
    assert asked.cost.dollars is not None and asked.cost.dollars <= 5 * most
    assert server.most_at_once <= 5  # what is in flight counts as the most that it can cost
    more = ask_all(questions, settings)
    assert len(more.outcomes) == 40 and more.cost.calls == 40 - asked.cost.calls


def test_an_answer_that_never_came_counts_against_the_budget(server: ChatServer, settings: ChatSettings) -> None:
    most = PRICES["gpt-4o"].most(first_request("q"))
    server.replies = [("hang",)] * 9
    asked = ask_all(["q"], replace(settings, budget=1.5 * most, timeout=0.1))
    assert asked.stopped and len(server.asked) == 1


def test_a_server_that_does_not_count_is_budgeted_at_the_most(server: ChatServer, settings: ChatSettings) -> None:
    server.counts = False
    most = PRICES["gpt-4o"].most(first_request("question 00"))
    asked = ask_all([f"question {n:02d}" for n in range(20)], replace(settings, budget=3.5 * most))
    assert asked.stopped and len(server.asked) == 3 and asked.cost.dollars is None


def test_an_answer_that_is_empty_is_paid_for(server: ChatServer, settings: ChatSettings) -> None:
    server.replies = [None]
    assert ask_all(["q"], settings).cost.calls == 2


def test_what_was_spent_is_known_when_a_run_ends_by_an_error(server: ChatServer, settings: ChatSettings) -> None:
    server.replies = [GOOD, GOOD, (401, {})]
    result = ChatRun()
    with pytest.raises(UserError):
        ask_all(["a", "b", "c"], replace(settings, concurrency=1), result=result)
    assert result.cost.calls == 2


def test_a_budget_without_a_price_is_refused(settings: ChatSettings) -> None:
    with pytest.raises(UserError, match="--price"):
        ask_all(["q"], replace(settings, model="llama", budget=1.0))
    assert price_of("llama", "1,2").of(10**6, 10**6) == 3.0  # type: ignore[union-attr]
    for wrong in ("1", "a,b", "-1,2"):
        with pytest.raises(UserError):
            price_of("llama", wrong)


def test_rate_limits_are_kept(server: ChatServer, settings: ChatSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []

    class Limiter:
        max_rate = 100.0

        def __init__(self, rate: float, period: float):
            waited.append((rate, period))

        async def acquire(self, amount: float = 1) -> None:
            waited.append(amount)

        async def __aenter__(self) -> None:
            waited.append("request")

        async def __aexit__(self, *_: object) -> None:
            pass

    monkeypatch.setattr(client, "AsyncLimiter", Limiter)
    ask_all(["q"], replace(settings, requests_per_minute=60, tokens_per_minute=9000))
    assert waited == [(1.0, 1.0), (900.0, 6.0), "request", 100.0]


@pytest.mark.parametrize(
    "values", [{"concurrency": 0}, {"attempts": 0}, {"timeout": 0.0}, {"budget": -1.0}, {"requests_per_minute": 0.0}]
)
def test_settings_that_make_no_sense(values: dict) -> None:
    with pytest.raises(UserError):
        ChatSettings(**values)


def test_a_request_has_one_name(tmp_path: Path) -> None:
    name = request_id("m", first_request("q"))
    assert name == request_id("m", first_request("q")) != request_id("n", first_request("q"))
    store = AnswerStore(tmp_path)
    store.put(name, Answer("é", 1, 2))
    assert store.get(name) == Answer("é", 1, 2) and json.loads(next(tmp_path.rglob("*.json")).read_text())
    store.forget(name)
    assert store.get(name) is None


def test_no_other_server_is_sent_what_is_openais(
    server: ChatServer, settings: ChatSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = {"OPENAI_ORG_ID": "org-mine", "OPENAI_PROJECT_ID": "proj-mine", "OPENAI_CUSTOM_HEADERS": "X-Mine: so-mine"}
    for name, value in theirs.items():
        monkeypatch.setenv(name, value)
    assert ask_all(["q"], settings).outcomes["q"].description == GOOD
    BatchClient(settings.cache or Path(), settings).submit({"name": first_request("q")})
    assert server.keys == {"Bearer sk-secret"} and not any("mine" in header for header in server.headers)
    assert connect(openai.OpenAI, ChatSettings()).organization == "org-mine"


@pytest.mark.parametrize(
    ("values", "environment", "key"),
    [
        ({}, {}, "sk-of-openai"),
        ({"base_url": "https://eu.api.openai.com/v1"}, {}, "sk-of-openai"),
        ({"base_url": "http://api.openai.com/v1"}, {}, "sk-secret"),
        ({"base_url": "https://api.openai.com.example.org/v1"}, {}, "sk-secret"),
        ({"base_url": "https://api.openai.com@example.org/v1"}, {}, "sk-secret"),
        ({"base_url": "http://127.0.0.1:1/v1"}, {}, "sk-secret"),
        ({"base_url": "http://127.0.0.1:1/v1"}, {"CHAT_API_KEY": ""}, "none"),
        ({"base_url": "http://127.0.0.1:1/v1", "send_openai_key": True}, {}, "sk-of-openai"),
        ({}, {"OPENAI_BASE_URL": "http://127.0.0.1:1/v1"}, "sk-of-openai"),
    ],
)
def test_openais_key_is_for_openai_or_whom_the_user_says(
    server: ChatServer, monkeypatch: pytest.MonkeyPatch, values: dict, environment: dict[str, str], key: str
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ChatSettings(**values).key() == key


def body(message: object, **changed: object) -> dict:
    """A chat completion with this message, which may be anything."""
    whole = completion("m", GOOD)
    whole["choices"][0]["message"] = message
    return {**whole, **changed}


@pytest.mark.parametrize(
    "reply",
    [
        body(None), body([]), body({"content": [{"type": "text", "text": GOOD}]}), body({"content": {"a": 1}}),
        body({"content": None, "refusal": [1]}), body({"content": "half \ud800 a character"}),
        body({"content": "It is calm. " * 10_000}), {**body({}), "choices": None}, {**body({}), "choices": [None]},
        {**body({}), "choices": {"0": 1}}, {"choices": "x"}, {},
    ],
)  # fmt: skip
def test_what_is_no_answer_is_a_failure_of_one_question(
    server: ChatServer, settings: ChatSettings, reply: dict
) -> None:
    server.replies = [reply] * 3
    outcomes = ask_all(["q", "r"], replace(settings, concurrency=1)).outcomes
    assert outcomes["q"].description is None and outcomes["q"].reason and outcomes["r"].description == GOOD
    assert ask_all(["q"], settings).outcomes["q"].description == GOOD


@pytest.mark.parametrize(
    "usage",
    [{"prompt_tokens": None, "completion_tokens": None}, {"prompt_tokens": -(10**9), "completion_tokens": 1},
     {"prompt_tokens": 1, "completion_tokens": -(10**9)}, {"prompt_tokens": 10**12, "completion_tokens": 1},
     {"prompt_tokens": "9", "completion_tokens": [1]}, {"prompt_tokens": 1.5, "completion_tokens": 1}, [], "x", 7],
)  # fmt: skip
def test_counts_that_make_no_sense_are_budgeted_at_the_most(
    server: ChatServer, settings: ChatSettings, usage: object
) -> None:
    most = PRICES["gpt-4o"].most(first_request("question 00"))
    server.replies = [body({"content": GOOD}, usage=usage)] * 20
    asked = ask_all([f"question {n:02d}" for n in range(20)], replace(settings, budget=3.5 * most))
    assert asked.stopped and len(server.asked) == 3
    counted = isinstance(usage, dict) and usage != {"prompt_tokens": None, "completion_tokens": None}
    assert asked.cost.dollars == (pytest.approx(3 * most) if counted else None), "nobody counted: nobody knows"


@pytest.mark.parametrize("text", ['"\\ud800"', json.dumps("a " * 20_000)])
def test_a_kept_answer_of_no_use_is_asked_for_again(server: ChatServer, settings: ChatSettings, text: str) -> None:
    assert ask_all(["q"], settings).outcomes["q"].description == GOOD
    (path,) = (settings.cache or Path()).rglob("*.json")
    path.write_text(f'{{"text": {text}, "tokens_in": 1, "tokens_out": 1, "refused": false}}')
    assert ask_all(["q"], settings).outcomes["q"].description == GOOD and len(server.asked) == 2
